"""Enough of Postgres's wire protocol to run SQL as a named role, because the private servers ship without psql.

SCRAM-SHA-256 and the simple query protocol, on loopback only. Rows come back as lists of text.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
import socket
import struct
from urllib.parse import unquote, urlsplit


class SqlError(Exception):
    """The server refused; `code` is the SQLSTATE."""

    def __init__(self, fields: dict[str, str]) -> None:
        super().__init__(fields.get("M", "unknown error"))
        self.code = fields.get("C", "")


def run(url: str, sql: str) -> list[list[str | None]]:
    """Connects, runs `sql` (several statements are one transaction), returns the rows and disconnects."""
    with Connection(url) as connection:
        return connection.query(sql)


class Connection:
    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._password = unquote(parts.password or "")
        self._socket = socket.create_connection((parts.hostname, parts.port), timeout=60)
        self._stream = self._socket.makefile("rb")
        parameters = ("user", unquote(parts.username or ""), "database", unquote(parts.path[1:]))
        body = struct.pack("!i", 3 << 16) + b"".join(p.encode() + b"\0" for p in parameters) + b"\0"
        self._socket.sendall(struct.pack("!i", len(body) + 4) + body)
        try:
            self._authenticate()
        except BaseException:
            self._close()
            raise

    def __enter__(self) -> "Connection":
        return self

    def __exit__(self, *_) -> None:
        try:
            self._send(b"X", b"")
        except OSError:
            pass  # already gone, which is what was wanted
        self._close()

    def query(self, sql: str) -> list[list[str | None]]:
        self._send(b"Q", sql.encode() + b"\0")
        rows, error = [], None
        while True:
            kind, body = self._receive()
            if kind == b"D":
                rows.append(_row(body))
            elif kind == b"E":
                error = SqlError(_fields(body))
            elif kind == b"Z":
                if error:
                    raise error
                return rows

    def _authenticate(self) -> None:
        nonce = base64.b64encode(secrets.token_bytes(18)).decode()
        first = f"n=,r={nonce}"
        while True:
            kind, body = self._receive()
            if kind == b"E":
                raise SqlError(_fields(body))
            if kind == b"Z":
                return
            if kind != b"R":
                continue
            (step,) = struct.unpack("!i", body[:4])
            if step == 10:  # SASL: the client speaks first
                message = f"n,,{first}".encode()
                self._send(b"p", b"SCRAM-SHA-256\0" + struct.pack("!i", len(message)) + message)
            elif step == 11:
                self._send(b"p", scram_final(self._password, nonce, first, body[4:].decode()).encode())
            elif step not in (0, 12):
                raise SqlError({"M": f"the server wants an authentication method this client lacks ({step})"})

    def _send(self, kind: bytes, body: bytes) -> None:
        self._socket.sendall(kind + struct.pack("!i", len(body) + 4) + body)

    def _receive(self) -> tuple[bytes, bytes]:
        head = self._stream.read(5)
        if len(head) < 5:
            raise ConnectionError("the server closed the connection")
        (length,) = struct.unpack("!i", head[1:])
        return head[:1], self._stream.read(length - 4)

    def _close(self) -> None:
        self._stream.close()
        self._socket.close()


def scram_final(password: str, nonce: str, first: str, challenge: str) -> str:
    """The client's proof for the server's challenge (RFC 5802, section 3)."""
    fields = dict(part.split("=", 1) for part in challenge.split(","))
    if not fields["r"].startswith(nonce):
        raise SqlError({"M": "the server answered with a nonce that is not ours"})
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), base64.b64decode(fields["s"]), int(fields["i"]))
    client_key = _hmac(salted, b"Client Key")
    without_proof = f"c=biws,r={fields['r']}"
    signature = _hmac(hashlib.sha256(client_key).digest(), f"{first},{challenge},{without_proof}".encode())
    proof = bytes(a ^ b for a, b in zip(client_key, signature))
    return f"{without_proof},p={base64.b64encode(proof).decode()}"


def _hmac(key: bytes, message: bytes) -> bytes:
    return hmac.new(key, message, hashlib.sha256).digest()


def _fields(body: bytes) -> dict[str, str]:
    return {part[:1].decode(): part[1:].decode(errors="replace") for part in body.split(b"\0") if part}


def _row(body: bytes) -> list[str | None]:
    (count,) = struct.unpack("!h", body[:2])
    values, at = [], 2
    for _ in range(count):
        (length,) = struct.unpack("!i", body[at : at + 4])
        at += 4
        if length < 0:
            values.append(None)
        else:
            values.append(body[at : at + length].decode())
            at += length
    return values
