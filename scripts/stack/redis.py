"""A private Redis."""

from __future__ import annotations

import shutil
import socket
import time

from . import ports
from .kept import write_private
from .places import Home
from .processes import Supervisor
from .say import Problem
from .settings import redis_url
from .sources import Server


def start(home: Home, server: Server, password: str, supervisor: Supervisor, port: int, *, durable: bool) -> str:
    """Starts the server and returns its URL once it answers."""
    folder = home.path / "redis"
    if not durable:
        shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(exist_ok=True)
    configuration = home.path / "redis.conf"
    # In a file of our own, because a command line can be read by everybody on the machine.
    write_private(
        configuration,
        f"bind {ports.LOOPBACK}\nport {port}\nunixsocket \"\"\n"
        f"requirepass {password}\ndir \"{folder}\"\ndaemonize no\nsave \"\"\n"
        f"appendonly {'yes' if durable else 'no'}\n",
    )
    log = home.path / "logs" / "redis.log"
    child = supervisor.start("Redis", [str(server.program), str(configuration)], log)
    until = time.monotonic() + 30
    while not _answers(port, password):
        supervisor.check()
        if time.monotonic() > until:
            raise Problem(f"Redis did not answer within 30 s; the end of {log} says:\n{child.tail()}")
        time.sleep(0.05)
    return redis_url(password, port)


def flush(port: int, password: str) -> None:
    """Forgets everything."""
    if not _says(port, password, "FLUSHALL", b"+OK\r\n+OK"):
        raise Problem("Redis did not take FLUSHALL")


def _answers(port: int, password: str) -> bool:
    return _says(port, password, "PING", b"+PONG")


def _says(port: int, password: str, command: str, wanted: bytes) -> bool:
    try:
        with socket.create_connection((ports.LOOPBACK, port), timeout=5) as connection:
            connection.sendall(f"AUTH {password}\r\n{command}\r\n".encode())
            answer = b""
            while wanted not in answer:
                more = connection.recv(256)
                if not more or answer.startswith(b"-"):
                    return False
                answer += more
            return True
    except OSError:
        return False
