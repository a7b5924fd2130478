import os
import tempfile
import unittest
from pathlib import Path

from leaks_after_tests import left_files
from stack.say import Problem


class LeftFiles(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = Path(folder.name)
        self.logs = self.root / "local" / "test" / "logs"

    def file(self, path, age=0):
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
        os.utime(file, (file.stat().st_mtime - age,) * 2)
        return file

    def left(self):
        return left_files(self.logs, self.root / "target", self.root / "local")

    def test_the_logs_of_every_test_that_ran_functions_are_among_them(self):
        self.file("local/test/lock", age=60)
        wanted = [
            self.file("local/test/logs/tests.log"),
            self.logs / "postgres.log",
            self.logs / "redis.log",
            self.file("local/contract/logs/serve.log"),
            self.file("local/contract/seed.log"),
            self.file("target/tmp/faults-1/approval-0.log"),
            self.file("target/tmp/invocations-2/outbox-0.log"),
            self.file("target/tmp/whatever-comes/tenant-0.log"),
        ]
        self.file("target/tmp/faults-0/approval-0.log", age=3600)
        self.assertEqual(sorted(self.left()), sorted(wanted))

    def test_without_the_tests_output_there_is_nothing_to_say(self):
        self.file("local/test/lock")
        with self.assertRaisesRegex(Problem, "tests.log"):
            self.left()
