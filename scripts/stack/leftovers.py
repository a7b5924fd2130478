"""What tests have left behind: the places to look through, the secrets to look for, and the proof that the look sees them."""

from __future__ import annotations

import json
import secrets
import tempfile
from collections.abc import Iterable
from pathlib import Path

from . import resp, sql
from .needles import Find, Needle, database_content, redis_content, search
from .postgres import TEST_ROLE_PASSWORD
from .say import Problem
from .settings import for_database

#: A database number that no test uses.
PLANTED_DATABASE = 15


def known(kept: Iterable[Path]) -> list[Needle]:
    """The secrets of the tests that cannot be recognised by their form; `kept` are the `secrets.json` of their servers."""
    needles = [
        # They differ in their ends.
        Needle("an operator's credential", "operator-credential-of-the-"),
        Needle("the password of the product's roles", TEST_ROLE_PASSWORD),
    ]
    for file in kept:
        needles += (Needle(f"{name} of .local/{file.parent.name}", value) for name, value in json.loads(file.read_text()).items())
    return needles


def look(postgres: str, redis: str, files: Iterable[Path]) -> dict[str, bytes]:
    """Everything that is left, by its place: these files, all of this Redis, every database of this Postgres."""
    places = {str(file): file.read_bytes() for file in files}
    places["Redis"] = redis_content(redis)
    for (name,) in sql.run(postgres, "SELECT datname FROM pg_database WHERE datallowconn AND datname <> 'template1' ORDER BY 1"):
        places[f"the database {name}"] = database_content(for_database(postgres, name))
    return places


def examine(needles: list[Needle], postgres: str, redis: str, files: list[Path]) -> tuple[list[Find], dict[str, bytes]]:
    """What of the needles, and of the forms of credentials, is anywhere; and what was looked through."""
    _self_test(postgres, redis, files)
    places = look(postgres, redis, files)
    return search(needles, places), places


def _self_test(postgres: str, redis: str, files: list[Path]) -> None:
    """Plants a token in every kind of place: a search that misses one proves nothing."""
    token = "cst_" + secrets.token_urlsafe(32)
    name = f"planted_{secrets.token_hex(8)}"
    with tempfile.TemporaryDirectory() as folder, resp.Connection(redis) as cache:
        copies = []
        for file in files:
            # Its writer may not be done with the file itself.
            copies.append(Path(folder) / f"{len(copies)}-{file.name}")
            copies[-1].write_bytes(file.read_bytes() + f"a line with {token} in it\n".encode())
        sql.run(postgres, f"CREATE DATABASE {name}")
        try:
            sql.run(for_database(postgres, name), f"CREATE TABLE planted (value json); INSERT INTO planted VALUES ('[\"{token}\"]')")
            for number in (0, PLANTED_DATABASE):
                cache.call("SELECT", number)
                cache.call("HSET", name, "token", token)
                found = {find.place for find in search([], look(postgres, redis, copies))}
                cache.call("DEL", name)
                missed = {"Redis", f"the database {name}", *map(str, copies)} - found
                if missed:
                    raise Problem(f"the search did not find the token that was planted in: {', '.join(sorted(missed))}.")
        finally:
            cache.call("DEL", name)
            sql.run(postgres, f"DROP DATABASE {name} WITH (FORCE)")
