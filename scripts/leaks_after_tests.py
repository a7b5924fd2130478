#!/usr/bin/env python3
"""After the tests: nothing secret stands in what they have left behind.

What is looked through: what they printed, the logs of their Postgres and Redis, the logs of the functions that they ran as
processes, every database of their Redis, and every database of their Postgres that is still there. (Each test's own is looked
through when it is dropped, by `shared/src/testing/leftovers.rs`.) What is looked for: whatever has the form of a key, a token
or a webhook secret, and the secrets of the tests that have no form.
"""

from __future__ import annotations

import json
import os
import secrets
import tempfile
from collections.abc import Iterable
from pathlib import Path

from stack import resp, sql
from stack.needles import Needle, database_content, redis_content, search
from stack.places import LOCAL
from stack.postgres import TEST_ROLE_PASSWORD
from stack.say import Problem, run
from stack.settings import for_database
from stack.tools import target_dir

#: A database number that no test uses.
PLANTED_DATABASE = 15


def main() -> int:
    try:
        postgres, redis, logs = (os.environ[name] for name in ("TEST_DATABASE_URL", "TEST_REDIS_URL", "TEST_LOGS"))
    except KeyError as missing:
        raise Problem(f"{missing.args[0]} is not set; run this through scripts/test.py.") from None
    files = left_files(Path(logs))
    self_test(postgres, redis, files)

    needles, places = known(), look(postgres, redis, files)
    finds = search(needles, places)
    if finds:
        raise Problem("the tests left credentials behind:\n" + "\n".join(map(str, finds)))
    print(f"{len(needles)} secrets of the tests and four forms are nowhere in:")
    for place, content in places.items():
        print(f"{len(content):12,} bytes  {place}")
    return 0


def known() -> list[Needle]:
    """The secrets of the tests that cannot be recognised by their form."""
    needles = [
        # They differ in their ends.
        Needle("an operator's credential", "operator-credential-of-the-"),
        Needle("the password of the product's roles", TEST_ROLE_PASSWORD),
    ]
    for file in sorted(LOCAL.glob("*/secrets.json")):
        if file.parent.name != "dev":
            needles += (Needle(f"{name} of .local/{file.parent.name}", value) for name, value in json.loads(file.read_text()).items())
    return needles


def left_files(logs: Path) -> list[Path]:
    """What the tests printed and the logs of this run."""
    servers = [logs / "postgres.log", logs / "redis.log"]
    printed = logs / "tests.log"
    if not printed.exists():
        raise Problem(f"{printed} is not there: the tests have not run, or their output was not kept.")
    # Taken when the run began; older runs may have left their functions' logs.
    began = (logs.parent / "lock").stat().st_mtime
    functions = [*target_dir().glob("tmp/faults-*/*.log"), *LOCAL.glob("contract/logs/*.log")]
    return [printed, *servers, *(file for file in sorted(functions) if file.stat().st_mtime >= began)]


def look(postgres: str, redis: str, files: Iterable[Path]) -> dict[str, bytes]:
    """Everything that is left, by its place."""
    places = {str(file): file.read_bytes() for file in files}
    places["Redis"] = redis_content(redis)
    for (name,) in sql.run(postgres, "SELECT datname FROM pg_database WHERE datallowconn AND datname <> 'template1' ORDER BY 1"):
        places[f"the database {name}"] = database_content(for_database(postgres, name))
    return places


def self_test(postgres: str, redis: str, files: list[Path]) -> None:
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


if __name__ == "__main__":
    run(main)
