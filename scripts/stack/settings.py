"""Settings: the process environment, then `.env`, then what the stack made up itself."""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import quote, urlsplit, urlunsplit

#: The three connections to one database; a person who brings their own brings all of them.
DATABASE_URLS = ("DATABASE_URL", "SWEEPER_DATABASE_URL", "ADMIN_DATABASE_URL")


def parse_dotenv(text: str) -> dict[str, str]:
    """Reads `KEY=value` lines, with optional `export`, quotes and comments; the first of two entries counts."""
    values = {}
    for line in text.splitlines():
        line = line.strip()
        if line.startswith("export "):
            line = line[len("export ") :].lstrip()
        name, equals, value = line.partition("=")
        name, value = name.strip(), value.strip()
        if not equals or not name or name.startswith("#"):
            continue
        if value[:1] in ("'", '"') and value.find(value[0], 1) > 0:
            value = value[1 : value.index(value[0], 1)]
        else:
            value = value.split(" #", 1)[0].rstrip()
        values.setdefault(name, value)
    return values


def own(root: Path) -> dict[str, str]:
    """What the person set. A variable set to nothing counts as not set."""
    dotenv = root / ".env"
    from_file = parse_dotenv(dotenv.read_text(encoding="utf-8")) if dotenv.exists() else {}
    return {name: value for name, value in {**from_file, **os.environ}.items() if value != ""}


def postgres_url(user: str, password: str, port: int, database: str) -> str:
    return f"postgres://{quote(user)}:{quote(password)}@127.0.0.1:{port}/{quote(database)}"


def redis_url(password: str, port: int) -> str:
    return f"redis://:{quote(password)}@127.0.0.1:{port}/0"


def for_role(url: str, role: str, password: str, database: str) -> str:
    """The same server for another role and database."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit(parts._replace(netloc=f"{quote(role)}:{quote(password)}@{host}", path=f"/{quote(database)}"))


def for_database(url: str, database: str) -> str:
    """The same server and role for another database."""
    return urlunsplit(urlsplit(url)._replace(path=f"/{quote(database)}"))


def without_password(url: str) -> str:
    """For showing: `postgres://user@host/db`."""
    parts = urlsplit(url)
    userinfo, at, host = parts.netloc.rpartition("@")
    return urlunsplit(parts._replace(netloc=userinfo.partition(":")[0] + at + host))
