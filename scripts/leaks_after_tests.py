#!/usr/bin/env python3
"""After the tests: nothing secret stands in what they have left behind.

What is looked through: what they printed, the logs of their Postgres and Redis, the logs of the functions that they ran as
processes, every database of their Redis, and every database of their Postgres that is still there. (Each test's own is looked
through when it is dropped, by `shared/src/testing/leftovers.rs`; the servers that the fault run has to itself when they end, by
`scripts/servers.py`.) What is looked for: whatever has the form of a key, a token or a webhook secret, and the secrets of the
tests that have no form.
"""

from __future__ import annotations

import os
from pathlib import Path

from stack.leftovers import examine, known
from stack.places import LOCAL
from stack.say import Problem, run
from stack.tools import target_dir


def main() -> int:
    try:
        postgres, redis, logs = (os.environ[name] for name in ("TEST_DATABASE_URL", "TEST_REDIS_URL", "TEST_LOGS"))
    except KeyError as missing:
        raise Problem(f"{missing.args[0]} is not set; run this through scripts/test.py.") from None
    needles = known(file for file in sorted(LOCAL.glob("*/secrets.json")) if file.parent.name != "dev")
    finds, places = examine(needles, postgres, redis, left_files(Path(logs), target_dir(), LOCAL))
    if finds:
        raise Problem("the tests left credentials behind:\n" + "\n".join(map(str, finds)))
    print(f"{len(needles)} secrets of the tests and three forms are nowhere in:")
    for place, content in places.items():
        print(f"{len(content):12,} bytes  {place}")
    return 0


def left_files(logs: Path, target: Path, local: Path) -> list[Path]:
    """What the tests printed and the logs of this run."""
    servers = [logs / "postgres.log", logs / "redis.log"]
    printed = logs / "tests.log"
    if not printed.exists():
        raise Problem(f"{printed} is not there: the tests have not run, or their output was not kept.")
    # Taken when the run began; older runs may have left their functions' logs.
    began = (logs.parent / "lock").stat().st_mtime
    # Each test that runs functions as processes gives their logs a folder there.
    functions = [*target.glob("tmp/*/*.log"), *local.glob("contract/**/*.log")]
    return [printed, *servers, *(file for file in sorted(functions) if file.stat().st_mtime >= began)]


if __name__ == "__main__":
    run(main)
