"""Where things are kept: everything under `.local/`, but for what another user must be able to reach."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import pwd
import shutil
import subprocess
import tempfile
from pathlib import Path

from .say import Problem

ROOT = Path(__file__).resolve().parents[2]
LOCAL = ROOT / ".local"


@contextlib.contextmanager
def one_at_a_time():
    """Held while something is installed into `.local/`, where `make dev` and `make test` may meet."""
    LOCAL.mkdir(exist_ok=True)
    with open(LOCAL / "lock", "a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


class Home:
    """The folder of one stack (`dev` or `test`), locked while it runs."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.path = LOCAL / name
        self.path.mkdir(parents=True, exist_ok=True)
        self._lock = None

    def lock(self) -> None:
        """At most one run at a time; the kernel frees the lock however that run ends."""
        self._lock = open(self.path / "lock", "a+")  # open for as long as we live
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            self._lock.seek(0)
            pid = self._lock.read().strip() or "unknown"
            raise Problem(f"`make {self.name}` is already running here (pid {pid}); stop that one first.") from None
        self._lock.truncate(0)
        self._lock.write(str(os.getpid()))
        self._lock.flush()


class Servant:
    """Who runs Postgres: we, or an unprivileged user when we are root (initdb refuses root)."""

    def __init__(self) -> None:
        self._user = _unprivileged() if os.geteuid() == 0 else None
        if self._user is not None:
            # What we install must be readable to that user, whatever root's own habit; secrets set their own mode.
            os.umask(0o022)

    def options(self) -> dict:
        """For `subprocess`: drop to that user for good."""
        if self._user is None:
            return {}
        return {"user": self._user.pw_uid, "group": self._user.pw_gid, "extra_groups": [], "cwd": "/"}

    def own(self, path: Path) -> None:
        if self._user is not None:
            os.chown(path, self._user.pw_uid, self._user.pw_gid)

    def reachable(self, wanted: Path) -> Path:
        """`wanted`, or a stand-in under the temporary folder, linked from it, when the user could not get there.

        A checkout in /root or in a `mktemp -d` is closed to everybody but its owner.
        """
        wanted.parent.mkdir(parents=True, exist_ok=True)
        if self._user is None or self._may_enter(wanted.parent):
            wanted.mkdir(exist_ok=True)
            return wanted
        stand_in = _outside() / wanted.relative_to(LOCAL)
        if not wanted.is_symlink() or wanted.readlink() != stand_in:
            # Somebody removed `.local/`, and with it the passwords for what is still there.
            shutil.rmtree(stand_in, ignore_errors=True)
            wanted.unlink(missing_ok=True)
            wanted.symlink_to(stand_in)
        stand_in.mkdir(parents=True, exist_ok=True, mode=0o755)
        return stand_in

    def _may_enter(self, path: Path) -> bool:
        enter = ["/bin/sh", "-c", 'cd "$1"', "sh", str(path)]
        return subprocess.run(enter, stderr=subprocess.DEVNULL, check=False, **self.options()).returncode == 0


def remove(path: Path) -> None:
    """Removes a folder of the stack, with the stand-ins that links in it lead to."""
    for link in [path, *(path.iterdir() if path.is_dir() else ())]:
        if link.is_symlink():
            shutil.rmtree(link.readlink(), ignore_errors=True)
            link.unlink()
    if path.exists():
        shutil.rmtree(path)


def _outside() -> Path:
    """Our own folder under the temporary folder, named after this checkout."""
    base = Path("/var/tmp") if Path("/var/tmp").is_dir() else Path(tempfile.gettempdir())
    path = base / f"countersign-{hashlib.sha256(str(ROOT).encode()).hexdigest()[:12]}"
    path.mkdir(mode=0o755, exist_ok=True)
    # The name can be guessed, so somebody else may have made it first.
    if path.is_symlink() or path.stat().st_uid != os.geteuid():
        raise Problem(f"{path} belongs to somebody else; remove it and run this again.")
    return path


def _unprivileged() -> pwd.struct_passwd:
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise Problem("Postgres refuses to run as root and there is no user `postgres` or `nobody`; run this as a normal user.")
