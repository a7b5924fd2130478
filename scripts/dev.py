#!/usr/bin/env python3
"""`make dev`: the whole product on this machine, from nothing, in one command."""

from __future__ import annotations

import argparse
import os
import time

from stack import functions, ports, servers
from stack.places import ROOT, Home, remove
from stack.processes import Stop, Supervisor, raise_on_signals
from stack.say import Problem, Progress, minutes, run, tell
from stack.settings import own
from stack.tools import Packages, need_rust, target_dir, with_packages


def main() -> int:
    arguments = _arguments()
    raise_on_signals()
    home = Home("dev")
    home.lock()
    supervisor = Supervisor(home.path / "processes.json")
    try:
        for name in supervisor.end_leftovers():
            tell(f"ended {name}, left behind by an earlier run")
        if arguments.reset:
            remove(home.path)
            tell("the development database, its keys and its passwords are gone; `make dev` makes new ones")
            return 0
        mine = own(ROOT)
        serve(_port(arguments.port or mine.get("PORT", "9000")), mine, home, supervisor)
        return 0
    except Stop:
        # The usual way to end it, and no failure.
        tell("\nstopping")
        return 0
    finally:
        supervisor.end_all()


def serve(port: int, mine: dict[str, str], home: Home, supervisor: Supervisor) -> None:
    progress = Progress()
    if not ports.is_free(port):
        raise Problem(f"port {port} is in use; stop what listens there, or choose another: make dev PORT={port + 1}")
    need_rust()
    packages = Packages(supervisor, progress)
    cargo_lambda = packages.program("cargo-lambda", "cargo-lambda")

    settings = {
        "ENVIRONMENT": "local",
        "PUBLIC_URL": f"http://{ports.LOOPBACK}:{port}",
        "SECRETS_SOURCE": "env",
        "WEBHOOK_ALLOW_PRIVATE_TARGETS": "true",
        **servers.for_development(home, mine, supervisor, progress),
    }
    environment = {**with_packages(dict(os.environ)), **settings, **{k: v for k, v in mine.items() if k != "PATH"}}

    progress.line("build", "the five functions and the command line")
    # All at once and before anything is served: the emulator would compile each at its first request.
    if supervisor.call(["cargo", "build", "--workspace", "--bins"], cwd=ROOT) != 0:
        raise Problem("the build failed; see cargo's message above.")

    countersign = str(target_dir() / "debug" / "countersign")
    keys = servers.keys_file(home)
    progress.line("database", "migrating and seeding")
    for command in (["migrate", "up"], ["seed", "--keys-file", str(keys)]):
        if supervisor.call([countersign, *command], cwd=ROOT, env=environment) != 0:
            raise Problem(f"`countersign {' '.join(command)}` failed; see its message above.")

    log = home.path / "logs" / "functions.log"
    progress.line("functions", f"starting on http://{ports.LOOPBACK}:{port}")
    functions.start(cargo_lambda, port, environment, log, supervisor, reload=True)
    schedule = functions.Schedule(port)
    address = home.path / "url"
    try:
        functions.wait_until_listening(port, supervisor)
        schedule.start()
        functions.wait_until_ready(port, supervisor, log)
        progress.line("ready", f"{minutes(progress.elapsed())} from start to first answer")
        # For `make demo`, which then needs no PORT.
        address.write_text(f"http://{ports.LOOPBACK}:{port}\n")
        _greet(port, keys.relative_to(ROOT) if keys.exists() else None)
        _follow(log, supervisor)
    finally:
        schedule.stop()
        address.unlink(missing_ok=True)


def _greet(port: int, keys) -> None:
    tell(f"\nCountersign answers at http://{ports.LOOPBACK}:{port}. In another terminal:\n")
    tell(f"  export COUNTERSIGN_URL=http://{ports.LOOPBACK}:{port}")
    if keys:
        tell(f"  source {keys}          # the keys of the seeded people and agents")
        tell("  make demo                           # plays one approval from request to record")
    else:
        tell("\nIts API keys were printed when it was seeded and are not kept; `make reset` starts afresh with new ones.")
    tell("\nCtrl-C stops it; the data stays. The functions' log follows.\n")


def _follow(log, supervisor: Supervisor) -> None:
    """Shows the log as it grows, until somebody stops us or something we started ends."""
    with open(log, errors="replace") as lines:
        while True:
            supervisor.check()
            for line in iter(lines.readline, ""):
                if functions.worth_showing(line):
                    print(line, end="", flush=True)
            time.sleep(0.2)


def _port(text: str) -> int:
    if not text.isdecimal() or not 0 < int(text) < 65536:
        raise Problem(f"`{text}` is no port; give a number from 1 to 65535, as in: make dev PORT=9001")
    return int(text)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", help="default: $PORT, or 9000")
    parser.add_argument("--reset", action="store_true", help="throw the development data away and exit")
    parser.add_argument("--servers", choices=("installed", "packages", "apt"), help="take the servers from there only")
    arguments = parser.parse_args()
    if arguments.servers:
        os.environ["COUNTERSIGN_SERVERS"] = arguments.servers
    return arguments


if __name__ == "__main__":
    run(main)
