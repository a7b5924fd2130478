"""Enough of Redis's protocol (RESP 2) to read everything a server holds, because the private servers ship without a client."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from urllib.parse import unquote, urlsplit


class RedisError(Exception):
    """The server refused."""


#: For each type of key, the command that answers all of its value.
WHOLE = {
    b"string": ("GET", ()),
    b"hash": ("HGETALL", ()),
    b"list": ("LRANGE", (0, -1)),
    b"set": ("SMEMBERS", ()),
    b"zset": ("ZRANGE", (0, -1, "WITHSCORES")),
    b"stream": ("XRANGE", ("-", "+")),
}


class Connection:
    """A connection to the server of a `redis://` URL."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._socket = socket.create_connection((parts.hostname, parts.port or 6379), timeout=60)
        self._stream = self._socket.makefile("rb")
        if parts.password:
            user = [unquote(parts.username)] if parts.username else []
            self.call("AUTH", *user, unquote(parts.password))
        if parts.path.strip("/"):
            self.call("SELECT", parts.path.strip("/"))

    def __enter__(self) -> "Connection":
        return self

    def __exit__(self, *_) -> None:
        self._stream.close()
        self._socket.close()

    def call(self, *words):
        """Sends a command and returns its answer: bytes, an int, None, or a list of these."""
        encoded = [word if isinstance(word, bytes) else str(word).encode() for word in words]
        message = b"*%d\r\n" % len(encoded) + b"".join(b"$%d\r\n%s\r\n" % (len(word), word) for word in encoded)
        self._socket.sendall(message)
        return self._answer()

    def databases(self) -> list[int]:
        """The numbers of the databases that hold anything."""
        keyspace = self.call("INFO", "keyspace").decode()
        return sorted(int(number) for number in re.findall(r"^db(\d+):", keyspace, re.MULTILINE))

    def everything(self) -> Iterator[tuple[bytes, bytes]]:
        """Every key of the selected database with the whole of its value, whatever its type; keys that expire meanwhile are left out."""
        cursor, seen = b"0", set()
        while True:
            cursor, keys = self.call("SCAN", cursor, "COUNT", 1000)
            for key in keys:
                if key in seen:
                    continue
                seen.add(key)
                kind = self.call("TYPE", key)
                if kind == b"none":
                    continue
                if kind not in WHOLE:
                    raise RedisError(f"no way is known to read the type {kind.decode()} of {key!r}")
                command, arguments = WHOLE[kind]
                yield key, _flat(self.call(command, key, *arguments))
            if cursor == b"0":
                return

    def _answer(self):
        line = self._stream.readline()
        if not line.endswith(b"\r\n"):
            raise ConnectionError("the server closed the connection")
        kind, rest = line[:1], line[1:-2]
        if kind == b"-":
            raise RedisError(rest.decode(errors="replace"))
        if kind == b"+":
            return rest
        if kind == b":":
            return int(rest)
        count = int(rest)
        if count < 0:
            return None
        if kind == b"$":
            return self._stream.read(count + 2)[:-2]
        return [self._answer() for _ in range(count)]


def _flat(answer) -> bytes:
    if isinstance(answer, list):
        return b"\n".join(map(_flat, answer))
    return answer if isinstance(answer, bytes) else b"" if answer is None else str(answer).encode()
