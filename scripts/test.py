#!/usr/bin/env python3
"""`make test`: private, throw-away servers, and in their company every check (or the command given).

    scripts/test.py                           # scripts/verify.sh
    scripts/test.py cargo test -p approval    # one crate's tests
"""

from __future__ import annotations

import os
import sys

from stack import aws, ports, servers
from stack.places import ROOT, Home
from stack.processes import Stop, Supervisor, raise_on_signals
from stack.say import Progress, minutes, run, tell
from stack.settings import DATABASE_URLS
from stack.tools import Packages, need_rust, with_packages

#: What a developer may have set for their own stack; a test that read it could touch their data.
FOREIGN = {
    *DATABASE_URLS,
    "REDIS_URL",
    "ADMIN_API_KEY",
    "AUDIT_SIGNING_SEED",
    "COUNTERSIGN_URL",
    "COUNTERSIGN_API_KEY",
    "COUNTERSIGN_TENANT",
    "AWS_PROFILE",
    "AWS_SESSION_TOKEN",
}

#: No more than a warning, because a machine may be slower than CI's.
LONGEST_SECONDS = 30 * 60


def main() -> int:
    command = sys.argv[1:] or [str(ROOT / "scripts" / "verify.sh")]
    raise_on_signals()
    home = Home("test")
    progress = Progress()
    home.lock()
    supervisor = Supervisor(home.path / "processes.json")
    try:
        for name in supervisor.end_leftovers():
            tell(f"ended {name}, left behind by an earlier run")
        need_rust()
        packages = Packages(supervisor, progress)
        found = servers.for_tests(home, os.environ.get("COUNTERSIGN_SERVERS") or None, supervisor, progress)
        port = ports.steady(home.path / "ports.json", "aws")
        found["TEST_AWS_ENDPOINT_URL"] = aws.start(home, packages, supervisor, port)
        # Where the servers' logs are, and where the tests' own output goes, for the search for leaks.
        found["TEST_LOGS"] = str(home.path / "logs")
        progress.line("aws", f"MiniStack on {ports.LOOPBACK}:{port}")
        own = {name: value for name, value in os.environ.items() if name not in FOREIGN}
        environment = {**with_packages(own), **aws.DUMMY_CREDENTIALS, **found}
        code = supervisor.call(command, cwd=ROOT, env=environment)
        tell(f"{minutes(progress.elapsed())} in all")
        if progress.elapsed() > LONGEST_SECONDS:
            tell(f"warning: CI is meant to stay under {minutes(LONGEST_SECONDS)}, from a fresh clone on two cores")
        return code
    except Stop as stop:
        tell("\nstopping")
        return stop.exit_code
    finally:
        supervisor.end_all()


if __name__ == "__main__":
    run(main)
