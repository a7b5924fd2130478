"""What the person at the terminal is told: progress with elapsed seconds, and problems in one sentence."""

from __future__ import annotations

import os
import sys
import time


class Problem(Exception):
    """Something the person can remedy. Its text is one sentence that says what and how."""


class Progress:
    """Prints lines such as `[  3.2s] postgres   15.18, installed, on 127.0.0.1:54321`."""

    def __init__(self) -> None:
        self._start = time.monotonic()

    def elapsed(self) -> float:
        return time.monotonic() - self._start

    def line(self, what: str, detail: str = "") -> None:
        tell(f"[{self.elapsed():6.1f}s] {what:<11} {detail}".rstrip())


def tell(text: str) -> None:
    """Prints at once, so that our lines and those of the programs we start stay in order."""
    print(text, flush=True)


def minutes(seconds: float) -> str:
    return f"{seconds / 60:.1f} minutes" if seconds >= 60 else f"{seconds:.0f} seconds"


def run(main) -> None:
    """Runs an entry point: a `Problem` becomes its sentence and exit code 1."""
    try:
        sys.exit(main())
    except Problem as problem:
        sys.stdout.flush()
        print(f"error: {problem}", file=sys.stderr)
        sys.exit(1)
    except BrokenPipeError:
        # Whoever read our output is gone, as with `make dev | head`; nobody is left to be told.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
