"""What `sam build` has cargo build: the functions, in the company of nothing that is there for tests.

cargo-lambda is asked as SAM asks it, and what it would have cargo do is written down instead of done.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FUNCTIONS = {"approval", "audit", "health", "outbox", "tenant"}


def main() -> int:
    for function in sorted(FUNCTIONS):
        arguments = build_of(function)
        packages = {value for name, value in zip(arguments, arguments[1:]) if name in ("-p", "--package")}
        assert packages == FUNCTIONS, f"{function} is built as: cargo {' '.join(arguments)}"
    print(f"{len(FUNCTIONS)} functions are built with each other and nothing else")
    return 0


def build_of(function: str) -> list[str]:
    """The arguments of the `cargo build` behind `cargo lambda build`."""
    cargo = shutil.which("cargo")
    with tempfile.TemporaryDirectory() as folder:
        noted, stand_in = Path(folder) / "noted", Path(folder) / "cargo"
        stand_in.write_text(f'#!/bin/sh\n[ "$1" = build ] || exec "{cargo}" "$@"\nprintf "%s\\n" "$@" >"{noted}"\nexit 1\n')
        stand_in.chmod(0o755)
        environment = {**os.environ, "PATH": f"{folder}{os.pathsep}{os.environ['PATH']}"}
        # With cargo itself in the place of zig, which links for another machine and is not needed to see this.
        command = ["cargo-lambda", "lambda", "build", "--release", "--bin", function, "--compiler", "cargo"]
        told = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
        assert noted.exists(), told.stderr
        return noted.read_text().splitlines()


if __name__ == "__main__":
    sys.exit(main())
