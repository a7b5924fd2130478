"""Ports on the loopback interface."""

from __future__ import annotations

import json
import socket
from pathlib import Path

LOOPBACK = "127.0.0.1"


def is_free(port: int) -> bool:
    with socket.socket() as probe:
        # As the servers do: a port whose last connections still linger in TIME_WAIT counts as free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
        return True


def pick() -> int:
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        return probe.getsockname()[1]


def steady(file: Path, name: str) -> int:
    """A free port for `name`: the one it had last time if nobody took it, so that open clients keep working."""
    known = json.loads(file.read_text()) if file.exists() else {}
    port = known.get(name)
    if port is None or not is_free(port):
        port = known[name] = pick()
        file.write_text(json.dumps(known, indent=2) + "\n")
    return port
