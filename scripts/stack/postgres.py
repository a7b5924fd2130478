"""A private Postgres cluster: made, started, and given the product's roles and databases."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

from . import ports, sql
from .kept import write_private
from .places import Home, Servant
from .processes import Supervisor
from .say import Problem
from .settings import postgres_url
from .sources import Server

SUPERUSER = "postgres"
#: The product's roles have it on a test cluster; the tests themselves set the same (shared/src/testing).
TEST_ROLE_PASSWORD = "countersign-tests"

#: A test cluster lives for one run: a crash may lose it, many suites use it at once.
FOR_TESTS = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "max_connections": "300",
    "shared_buffers": "256MB",
    "max_prepared_transactions": "10",
}
FOR_DEVELOPMENT = {"max_connections": "200"}
#: A cluster that tests kill: what it said was committed must be there when it comes back, so commits are awaited. They
#: need not reach the disk, since the machine does not crash with it. Few connections, so that they can be used up.
FOR_FAULTS = {
    "fsync": "off",
    "synchronous_commit": "on",
    "full_page_writes": "off",
    "max_connections": "60",
    "shared_buffers": "128MB",
}


class Cluster:
    """One cluster, with a password for its superuser and one for the product's roles."""

    def __init__(self, home: Home, server: Server, servant: Servant, password: str, role_password: str) -> None:
        self._home = home
        self._server = server
        self._servant = servant
        self._password = password
        self._role_password = role_password
        self.link = home.path / f"postgres-{server.version[0]}"
        self.port = 0

    def url(self, role: str, database: str) -> str:
        password = self._password if role == SUPERUSER else self._role_password
        return postgres_url(role, password, self.port, database)

    def make(self) -> bool:
        """Runs initdb unless the cluster exists; whether it was made now."""
        self._folder = self._servant.reachable(self.link)
        self._data = self._folder / "data"
        if self._data.exists():
            return False
        # Under another name until it is whole, so that a run cut short leaves nothing that looks finished.
        draft = self._folder / "data.new"
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir(mode=0o700)
        self._servant.own(draft)
        password_file = self._folder / "password"
        write_private(password_file, self._password)
        self._servant.own(password_file)
        command = [str(self._server.program.with_name("initdb")), "-D", str(draft), "-U", SUPERUSER, "-E", "UTF8"]
        command += ["--auth=scram-sha-256", f"--pwfile={password_file}", f"--locale={_locale()}", "--no-sync"]
        try:
            made = subprocess.run(
                command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, **self._servant.options()
            )
        finally:
            password_file.unlink()
        if made.returncode != 0:
            raise Problem(f"initdb failed: {made.stderr.strip()}")
        draft.rename(self._data)
        return True

    def start(self, supervisor: Supervisor, settings: dict[str, str], port: int) -> None:
        """Starts the server on loopback TCP alone (no socket file, whose path could be too long) and waits for it."""
        self.port = port
        settings = {
            **settings,
            "listen_addresses": ports.LOOPBACK,
            "port": str(port),
            "unix_socket_directories": "",
            "timezone": "UTC",
            "log_timezone": "UTC",
        }
        command = [str(self._server.program), "-D", str(self._data)]
        command += [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        log = self._home.path / "logs" / "postgres.log"
        # INT is Postgres's fast shutdown: clients are cut off, nothing is lost.
        child = supervisor.start("Postgres", command, log, end_with=signal.SIGINT, **self._servant.options())
        until = time.monotonic() + 60
        while True:
            supervisor.check()
            try:
                sql.run(self.url(SUPERUSER, "postgres"), "SELECT 1")
                return
            except sql.SqlError as error:
                if error.code == "28P01":
                    raise Problem(
                        f"the password in .local/{self._home.name}/secrets.json is not this cluster's; "
                        f"`make reset` throws both away and starts afresh."
                    ) from None
                if error.code != "57P03":  # still starting up
                    raise Problem(f"Postgres does not let us in: {error}") from None
            except OSError:
                pass  # not listening yet
            if time.monotonic() > until:
                raise Problem(f"Postgres did not answer within 60 s; the end of {log} says:\n{child.tail()}")
            time.sleep(0.05)

    def prepare(self, databases: list[str]) -> None:
        """Roles and empty databases, as an administrator would hand them over; made if missing."""
        admin = self.url(SUPERUSER, "postgres")
        sql.run(admin, roles_sql(self._role_password))
        existing = {row[0] for row in sql.run(admin, "SELECT datname FROM pg_database")}
        for name in databases:
            if name not in existing:
                sql.run(admin, f"CREATE DATABASE {name} OWNER countersign_migrator")


def roles_sql(password: str) -> str:
    """`roles.sql` with the password filled in, as psql would."""
    text = Path(__file__).with_name("roles.sql").read_text(encoding="utf-8")
    return text.replace(":'password'", "'" + password.replace("'", "''") + "'")


#: sqlx's own record of what it applied; migrations may grant rights on it.
SQLX_TABLE = """
CREATE TABLE _sqlx_migrations (
    version BIGINT PRIMARY KEY, description TEXT NOT NULL, installed_on TIMESTAMPTZ NOT NULL DEFAULT now(),
    success BOOLEAN NOT NULL, checksum BYTEA NOT NULL, execution_time BIGINT NOT NULL
)
"""


def migrate(url: str, migrations: Path) -> None:
    """Applies every up migration, in order, to an empty database.

    For checking the queries only: it needs nothing built, where `countersign migrate` is built from the queries.
    """
    sql.run(url, SQLX_TABLE)
    files = sorted(f for f in migrations.glob("*.sql") if not f.name.endswith(".down.sql"))
    for file in files:
        try:
            sql.run(url, f"BEGIN;\n{file.read_text(encoding='utf-8')}\n;COMMIT")
        except sql.SqlError as error:
            raise Problem(f"migrations/{file.name}: {error}") from None


def _locale() -> str:
    return "en_US.UTF-8" if os.uname().sysname == "Darwin" else "C.UTF-8"
