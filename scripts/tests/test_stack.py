import datetime
import json
import os
import socket
import sys
import tempfile
import time
import unittest
from pathlib import Path
from unittest import mock

from stack import functions, kept, ports
from stack.postgres import roles_sql
from stack.processes import Supervisor, born
from stack.say import Problem, minutes
from stack.sources import Finder, parse_version


class Versions(unittest.TestCase):
    def test_reads_what_the_servers_say(self):
        self.assertEqual(parse_version("postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)"), (15, 18))
        self.assertEqual(parse_version("postgres (PostgreSQL) 18beta1"), (18,))
        self.assertEqual(parse_version("Redis server v=6.2.14 sha=40305114:0 malloc=libc"), (6, 2, 14))
        self.assertIsNone(parse_version("something else"))

    def test_an_unknown_source_is_refused_by_name(self):
        with self.assertRaisesRegex(Problem, "installed, packages, apt"):
            Finder("docker", mock.Mock(), mock.Mock())


class Roles(unittest.TestCase):
    def test_the_password_is_filled_in_everywhere_and_quoted(self):
        text = roles_sql("it's")
        self.assertNotIn(":'password'", text)
        self.assertEqual(text.count("PASSWORD 'it''s'"), 4)


class Kept(unittest.TestCase):
    def test_secrets_are_made_once_and_closed_to_others(self):
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "secrets.json"
            first = kept.keep(file)
            self.assertEqual(kept.keep(file), first)
            self.assertEqual(file.stat().st_mode & 0o777, 0o600)


class Ports(unittest.TestCase):
    def test_a_port_stays_until_somebody_takes_it(self):
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "ports.json"
            port = ports.steady(file, "postgres")
            self.assertEqual(ports.steady(file, "postgres"), port)
            with socket.socket() as other:
                other.bind((ports.LOOPBACK, port))
                other.listen()
                self.assertNotEqual(ports.steady(file, "postgres"), port)


class Schedule(unittest.TestCase):
    def test_the_event_is_eventbridges(self):
        now = datetime.datetime(2026, 11, 20, 8, 0, tzinfo=datetime.timezone.utc)
        event = functions.scheduled_event(now)
        self.assertEqual(event["detail-type"], "Scheduled Event")
        self.assertEqual(event["time"], "2026-11-20T08:00:00Z")
        json.dumps(event)

    def test_the_emulators_chatter_is_not_shown_but_its_errors_are(self):
        self.assertFalse(functions.worth_showing(" INFO spawning function instance"))
        self.assertTrue(functions.worth_showing("ERROR command exited code=ExitError(101)"))
        self.assertTrue(functions.worth_showing('{"level":"INFO","message":"served"}'))


class Words(unittest.TestCase):
    def test_durations(self):
        self.assertEqual(minutes(7.4), "7 seconds")
        self.assertEqual(minutes(150), "2.5 minutes")


@unittest.skipUnless(sys.platform == "linux", "sessions are looked up in /proc")
class Processes(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def start(self, supervisor):
        # A child in a process group of its own, as cargo-lambda makes for each function.
        script = "set -m; sleep 600 & echo $!; wait"
        return supervisor.start("a shell", ["bash", "-c", script], self.folder / "log")

    def grandchild(self):
        until = time.monotonic() + 10
        while time.monotonic() < until:
            text = (self.folder / "log").read_text().strip()
            if text:
                return int(text)
            time.sleep(0.01)
        self.fail("the shell did not start its child")

    def test_ending_a_program_ends_its_descendants_in_other_groups(self):
        supervisor = Supervisor(self.folder / "ledger.json")
        child = self.start(supervisor)
        grandchild = self.grandchild()
        supervisor.end_all()
        self.assertFalse(child.running())
        self.assertIsNone(wait_for_end(grandchild))
        self.assertFalse((self.folder / "ledger.json").exists())

    def test_the_next_run_ends_what_a_killed_one_left(self):
        supervisor = Supervisor(self.folder / "ledger.json")
        child = self.start(supervisor)
        grandchild = self.grandchild()
        os.kill(child.process.pid, 9)
        child.process.wait()
        self.assertEqual(Supervisor(self.folder / "ledger.json").end_leftovers(), [])
        self.assertIsNone(wait_for_end(grandchild))

    def test_one_program_can_be_crashed_with_its_descendants_and_started_again(self):
        supervisor = Supervisor(self.folder / "ledger.json")
        child = self.start(supervisor)
        grandchild = self.grandchild()
        other = supervisor.start("another", ["sleep", "60"], self.folder / "other.log")
        supervisor.end(child.name, crash=True)
        self.assertEqual(child.process.returncode, -9)
        self.assertIsNone(born(grandchild))
        # What was ended on purpose is not missed.
        supervisor.check()
        again = self.start(supervisor)
        self.assertTrue(again.running() and other.running())
        supervisor.end(child.name)
        self.assertFalse(again.running())
        supervisor.end_all()
        self.assertFalse(other.running())

    def test_a_log_begins_with_the_supervisor_and_goes_on_when_a_program_is_started_again(self):
        log = self.folder / "log"
        log.write_text("an earlier run\n")
        supervisor = Supervisor(self.folder / "ledger.json")
        for word in ("first", "second"):
            supervisor.start("a voice", ["echo", word], log).process.wait()
            supervisor.end("a voice")
        self.assertEqual(log.read_text(), "first\nsecond\n")

    def test_a_program_that_ended_by_itself_is_named_with_its_last_words(self):
        supervisor = Supervisor(self.folder / "ledger.json")
        child = supervisor.start("the door", ["sh", "-c", "echo it is locked; exit 3"], self.folder / "log")
        child.process.wait()
        with self.assertRaisesRegex(Problem, "(?s)the door ended by itself .exit code 3.*it is locked"):
            supervisor.check()


def wait_for_end(pid):
    until = time.monotonic() + 5
    while born(pid) is not None and time.monotonic() < until:
        time.sleep(0.01)
    return born(pid)


if __name__ == "__main__":
    unittest.main()
