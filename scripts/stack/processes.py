"""Starting programs and ending them, with everything they started, whatever happens to us.

Each program gets a session of its own: a Ctrl-C at the terminal reaches us alone, and we end the programs in
order. Their descendants stay in that session even when they form process groups, so none is left behind. A
ledger on disk lets the next start end what a `kill -9` orphaned.
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from .say import Problem

LINUX = sys.platform == "linux"
_libc = ctypes.CDLL(None, use_errno=True) if LINUX else None
_PR_SET_PDEATHSIG = 1


class Stop(BaseException):
    """Raised in the main thread by INT, TERM or HUP."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.exit_code = 128 + number


def raise_on_signals() -> None:
    """The first signal raises `Stop`; those that follow are ignored, so that the ending itself is not cut short."""

    def stop(number, _frame):
        for each in _SIGNALS:
            signal.signal(each, signal.SIG_IGN)
        raise Stop(number)

    for each in _SIGNALS:
        signal.signal(each, stop)


_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Child:
    """A running program; its output goes to `log`."""

    def __init__(self, name: str, process: subprocess.Popen, log: Path, end_with: int) -> None:
        self.name = name
        self.process = process
        self.log = log
        self._end_with = end_with

    def running(self) -> bool:
        return self.process.poll() is None

    def end(self, patience: float = 20) -> None:
        if self.running():
            self.process.send_signal(self._end_with)
            try:
                self.process.wait(patience)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        end_session(self.process.pid)

    def crash(self) -> None:
        """Kills the program and all it started, at once, as a failing machine would; returns when they are gone."""
        self.process.kill()
        self.process.wait()
        until = time.monotonic() + 20
        while _members(self.process.pid):
            if time.monotonic() > until:
                raise Problem(f"{self.name} is still there after it was killed")
            end_session(self.process.pid)
            time.sleep(0.01)

    def tail(self, lines: int = 15) -> str:
        text = self.log.read_text(errors="replace") if self.log.exists() else ""
        return "\n".join(text.splitlines()[-lines:])


class Supervisor:
    """Starts programs, remembers them on disk, and ends them in reverse order."""

    def __init__(self, ledger: Path) -> None:
        self._ledger = ledger
        self._children: list[Child] = []
        self._logs: set[Path] = set()

    def end_leftovers(self) -> list[str]:
        """Ends what an earlier run that was killed left behind; returns the names."""
        if not self._ledger.exists():
            return []
        names = []
        for entry in json.loads(self._ledger.read_text()):
            pid = entry["pid"]
            # A pid is not reused while it names a session, so a leader with another birth means: nothing is left.
            if born(pid) not in (None, entry["born"]):
                continue
            if born(pid) is not None:
                os.kill(pid, entry["end_with"])
                if not _gone(pid, 20):
                    os.kill(pid, signal.SIGKILL)
                    _gone(pid, 5)
                names.append(entry["name"])
            end_session(pid)
        self._ledger.unlink()
        return names

    def start(self, name: str, command: list[str], log: Path, *, end_with: int = signal.SIGTERM, **options) -> Child:
        log.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        # It begins with us; what a program said before it was ended and started again stays in it.
        with open(log, "ab" if log in self._logs else "wb") as output:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=_die_with_parent(end_with),
                **options,
            )
        self._logs.add(log)
        child = Child(name, process, log, end_with)
        self._children.append(child)
        self._write()
        return child

    def call(self, command: list[str], **options) -> int:
        """Runs a program in the foreground, its output shown, and waits. INT and TERM end it too."""
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
            preexec_fn=_die_with_parent(signal.SIGTERM),
            **options,
        )
        child = Child(command[0], process, Path(os.devnull), signal.SIGTERM)
        self._children.append(child)
        try:
            return process.wait()
        finally:
            child.end(patience=10)
            self._children.remove(child)

    def check(self) -> None:
        """Raises when a program that should be running is not."""
        for child in self._children:
            if not child.running():
                raise Problem(
                    f"{child.name} ended by itself (exit code {child.process.returncode}); "
                    f"the end of {child.log} says:\n{child.tail()}"
                )

    def end(self, name: str, *, crash: bool = False) -> None:
        """Ends one program, in its own way or by a crash; it may be started again. None of that name: nothing to do."""
        for child in [child for child in self._children if child.name == name]:
            if crash:
                child.crash()
            else:
                child.end()
            self._children.remove(child)
        self._write()

    def end_all(self) -> None:
        while self._children:
            self._children[-1].end()
            self._children.pop()
        self._ledger.unlink(missing_ok=True)

    def _write(self) -> None:
        entries = [
            {"name": c.name, "pid": c.process.pid, "born": born(c.process.pid), "end_with": int(c._end_with)}
            for c in self._children
            if c.log != Path(os.devnull)
        ]
        self._ledger.write_text(json.dumps(entries, indent=2) + "\n")


def born(pid: int) -> str | None:
    """When the process started, or None when there is none: tells it from a later one with the same pid."""
    if LINUX:
        fields = _stat(pid)
        return None if fields is None or fields[0] == "Z" else fields[19]
    found = subprocess.run(["ps", "-o", "lstart=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return found.stdout.strip() or None


def end_session(session: int) -> None:
    """Kills what is left of a session."""
    for pid in _members(session):
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass  # it ended between our look and our signal


def _members(session: int) -> list[int]:
    if not LINUX:
        try:
            os.killpg(session, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            pass  # nothing left in the group
        return []
    pids = [int(entry) for entry in os.listdir("/proc") if entry.isdigit()]
    members = []
    for pid in pids:
        fields = _stat(pid)
        if fields and fields[0] != "Z" and int(fields[3]) == session:
            members.append(pid)
    return members


def _stat(pid: int) -> list[str] | None:
    """The fields of /proc/<pid>/stat after the command name, which may itself hold spaces and parentheses."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None


def _gone(pid: int, patience: float) -> bool:
    until = time.monotonic() + patience
    while born(pid) is not None:
        if time.monotonic() > until:
            return False
        time.sleep(0.05)
    return True


def _die_with_parent(number: int):
    """On Linux the kernel sends `number` to the program when we die without ending it."""
    if not LINUX:
        return None
    parent = os.getpid()

    def ask():
        _libc.prctl(_PR_SET_PDEATHSIG, int(number))
        if os.getppid() != parent:  # we died before the request was made
            os._exit(1)

    return ask
