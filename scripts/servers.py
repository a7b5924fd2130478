#!/usr/bin/env python3
"""A Postgres and a Redis of one's own, for a test that stops, kills, restarts and empties them.

    scripts/servers.py

The first line on stdout says in JSON where they are: `postgres` (the superuser's URL), `role_password` (that of the
product's roles, which are there), `database` (empty, the migrator's) and `redis`. After that each line on stdin is a
command, and each is answered by a line, `{"done": …}` or `{"error": …}`:

    postgres stop | kill | start | restart        redis stop | kill | start | restart | flush

`stop` is orderly, `kill` is a crash. Ports and data stay over a restart, but a Redis that ended has forgotten everything.
When stdin closes, with both of them up, everything they hold and have logged is looked through for secrets; the last line says
how much that was, `{"searched": <bytes>}`, or `{"error": …}`. Then both are ended and all their files removed. Everything else
that is said goes to stderr.
"""

from __future__ import annotations

import json
import os
import sys

from stack import ports, redis
from stack.kept import keep
from stack.leftovers import examine, known
from stack.places import Home, Servant, remove
from stack.postgres import FOR_FAULTS, SUPERUSER, TEST_ROLE_PASSWORD, Cluster
from stack.processes import Stop, Supervisor, raise_on_signals
from stack.say import Problem, Progress, run
from stack.sources import Finder

DATABASE = "countersign"


class Pair:
    """The two servers, each of which may be down."""

    def __init__(self, home: Home, supervisor: Supervisor) -> None:
        self._home = home
        self._supervisor = supervisor
        self._urls: dict[str, str] = {}
        finder = Finder(os.environ.get("COUNTERSIGN_SERVERS") or None, supervisor, Progress())
        servant = Servant()
        secrets = keep(home.path / "secrets.json")
        self._password = secrets["redis"]
        self._redis = finder.redis()
        self._redis_port = ports.pick()
        self._cluster = Cluster(home, finder.postgres(servant), servant, secrets["postgres"], TEST_ROLE_PASSWORD)
        self._cluster.make()
        self._postgres_port = ports.pick()

    def begin(self) -> dict[str, str]:
        self.start("postgres")
        self._cluster.prepare([DATABASE])
        self.start("redis")
        return {**self._urls, "role_password": TEST_ROLE_PASSWORD, "database": DATABASE}

    def start(self, server: str) -> None:
        if server == "postgres":
            self._cluster.start(self._supervisor, FOR_FAULTS, self._postgres_port)
            self._urls[server] = self._cluster.url(SUPERUSER, "postgres")
        else:
            self._urls[server] = redis.start(
                self._home, self._redis, self._password, self._supervisor, self._redis_port, durable=False
            )

    def search(self) -> int:
        """Looks for secrets in what both hold and have logged; how many bytes that was."""
        logs = sorted((self._home.path / "logs").glob("*.log"))
        needles = known([self._home.path / "secrets.json"])
        try:
            finds, places = examine(needles, self._urls["postgres"], self._urls["redis"], logs)
        except OSError as error:
            raise Problem(f"what the servers hold could not be looked through: {error}") from None
        if finds:
            raise Problem("credentials were left in the servers:\n" + "\n".join(map(str, finds)))
        return sum(map(len, places.values()))

    def obey(self, server: str, verb: str) -> None:
        name = {"postgres": "Postgres", "redis": "Redis"}.get(server)
        if name is None or verb not in ("stop", "kill", "start", "restart", "flush") or (server, verb) == ("postgres", "flush"):
            raise Problem(f"there is no command `{server} {verb}`")
        if verb == "flush":
            redis.flush(self._redis_port, self._password)
        if verb in ("stop", "kill", "restart"):
            self._supervisor.end(name, crash=verb == "kill")
        if verb in ("start", "restart"):
            self.start(server)


def main() -> int:
    # What the parts of the stack tell a person must not mix with the answers.
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())

    def answer(what: dict) -> None:
        print(json.dumps(what), file=answers, flush=True)

    raise_on_signals()
    home = Home(f"servers-{os.getpid()}")
    supervisor = Supervisor(home.path / "processes.json")
    try:
        pair = Pair(home, supervisor)
        answer(pair.begin())
        for line in sys.stdin:
            server, _, verb = line.strip().partition(" ")
            try:
                pair.obey(server, verb)
                answer({"done": line.strip()})
            except Problem as problem:
                answer({"error": str(problem)})
        try:
            answer({"searched": pair.search()})
        except Problem as problem:
            answer({"error": str(problem)})
            return 1
        return 0
    except Stop as stop:
        return stop.exit_code
    finally:
        supervisor.end_all()
        remove(home.path)


if __name__ == "__main__":
    run(main)
