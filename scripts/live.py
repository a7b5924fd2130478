#!/usr/bin/env python3
"""Serves the functions on the test servers, with a database of their own, while a command runs against them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from stack import functions, ports, sql
from stack.kept import keep
from stack.places import ROOT, Home
from stack.postgres import TEST_ROLE_PASSWORD
from stack.processes import Stop, Supervisor, raise_on_signals
from stack.say import Problem, Progress, run
from stack.servers import keys_file
from stack.settings import DATABASE_URLS, for_role, parse_dotenv
from stack.tools import Packages, target_dir, with_packages

DATABASE = "countersign_live"


def main() -> int:
    command = sys.argv[1:]
    if not command or "TEST_DATABASE_URL" not in os.environ:
        raise Problem("usage: scripts/test.py scripts/live.py <command that runs against the functions>")
    raise_on_signals()
    home = Home("live")
    home.lock()
    supervisor = Supervisor(home.path / "processes.json")
    try:
        supervisor.end_leftovers()
        return _serve_and_run(command, home, supervisor)
    except Stop as stop:
        return stop.exit_code
    finally:
        supervisor.end_all()


def _serve_and_run(command: list[str], home: Home, supervisor: Supervisor) -> int:
    progress = Progress()
    cargo_lambda = Packages(supervisor, progress).program("cargo-lambda", "cargo-lambda")
    port = ports.pick()
    url = f"http://{ports.LOOPBACK}:{port}"
    environment = {**with_packages(dict(os.environ)), **_settings(home), "PUBLIC_URL": url}

    countersign = str(target_dir() / "debug" / "countersign")
    keys = keys_file(home)
    keys.unlink(missing_ok=True)
    # The seed prints the keys it makes, and the output of this run is often kept by others; they are in the file as well.
    for arguments, output in ((["migrate", "up"], None), (["seed", "--keys-file", str(keys)], subprocess.DEVNULL)):
        if supervisor.call([countersign, *arguments], cwd=ROOT, env=environment, stdout=output) != 0:
            raise Problem(f"`countersign {' '.join(arguments)}` failed; see its message above.")

    log = home.path / "logs" / "functions.log"
    functions.start(cargo_lambda, port, environment, log, supervisor, reload=False)
    schedule = functions.Schedule(port)
    try:
        functions.wait_until_listening(port, supervisor)
        schedule.start()
        functions.wait_until_ready(port, supervisor, log)
        progress.line("functions", f"ready on {url}")
        seeded = parse_dotenv(keys.read_text()) if keys.exists() else {}
        live = {
            **environment,
            **seeded,
            "COUNTERSIGN_LIVE": "1",
            "COUNTERSIGN_URL": url,
            "COUNTERSIGN_KEYS_FILE": str(keys),
            "COUNTERSIGN_FUNCTIONS_LOG": str(log),
        }
        code = supervisor.call(command, cwd=ROOT, env=live)
    finally:
        schedule.stop()
    if code != 0:
        print(f"\nthe end of {log.relative_to(ROOT)}:\n{_tail(log)}", file=sys.stderr)
    return code


def _settings(home: Home) -> dict[str, str]:
    """A database made anew for this run, and the secrets that `make dev` would have made."""
    admin = os.environ["TEST_DATABASE_URL"]
    sql.run(admin, f"DROP DATABASE IF EXISTS {DATABASE} WITH (FORCE)")
    sql.run(admin, f"CREATE DATABASE {DATABASE} OWNER countersign_migrator")
    roles = ("countersign_app", "countersign_sweeper", "countersign_migrator")
    secrets = keep(home.path / "secrets.json")
    return {
        **{name: for_role(admin, role, TEST_ROLE_PASSWORD, DATABASE) for name, role in zip(DATABASE_URLS, roles)},
        "REDIS_URL": os.environ["TEST_REDIS_URL"],
        "ADMIN_API_KEY": secrets["admin_api_key"],
        "AUDIT_SIGNING_SEED": secrets["audit_signing_seed"],
        "ENVIRONMENT": "local",
        "SECRETS_SOURCE": "env",
        "WEBHOOK_ALLOW_PRIVATE_TARGETS": "true",
        # Long enough to show that a sweep goes on, short enough to wait for one.
        "OUTBOX_SWEEP_SECONDS": "5",
        # All they can say, because the log is looked through for secrets.
        "LOG_LEVEL": os.environ.get("LOG_LEVEL", "trace"),
    }


def _tail(log: Path, lines: int = 40) -> str:
    """The last lines, without those of libraries that tell every step."""
    told = [line for line in log.read_text(errors="replace").splitlines() if '"level":"DEBUG"' not in line]
    return "\n".join(told[-lines:])


if __name__ == "__main__":
    run(main)
