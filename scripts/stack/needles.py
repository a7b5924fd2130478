"""Secrets that must be nowhere, and looking for them in whatever a run has left behind."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from urllib.parse import quote, quote_plus

from . import resp, sql

#: The forms of what the product itself hands out: a key, a token, the secret of a link, a webhook secret.
FORMS = re.compile(
    rb"(?<![0-9A-Za-z])(?:cs_(?:dev|staging|production)_[0-9A-Za-z]{22}_[0-9A-Za-z]{33}"
    rb"|cst_[0-9A-Za-z_-]{43}|csl_[0-9A-Za-z_-]{64}|whsec_[0-9A-Za-z+/]{32,})"
)
#: Shorter ones would be found by chance.
SHORTEST = 8


@dataclass(frozen=True)
class Needle:
    """A secret and how it came into the run."""

    name: str
    secret: str

    def spellings(self) -> Iterator[bytes]:
        """The secret as it is and as it may have been written: in a URL, in JSON in JSON, in base64, in hex."""
        plain = self.secret.encode()
        if len(plain) < SHORTEST:
            raise ValueError(f"{self.name}: too short to be looked for")
        escaped = json.dumps(self.secret)[1:-1]
        yield from {
            plain,
            quote(self.secret, safe="").encode(),
            quote_plus(self.secret).encode(),
            escaped.encode(),
            json.dumps(escaped)[1:-1].encode(),
            plain.hex().encode(),
            plain.hex().upper().encode(),
            *_in_base64(plain),
        }


def _in_base64(plain: bytes) -> Iterator[bytes]:
    """The part of it that is the same whatever stands in front of it and behind it, in both alphabets."""
    for shift in range(3):
        letters = base64.b64encode(b"\0" * shift + plain).rstrip(b"=")
        # The first letters hold bits of what is in front, the last of what is behind.
        middle = letters[-(-shift * 8 // 6) : (shift + len(plain)) * 8 // 6]
        yield middle
        yield middle.translate(bytes.maketrans(b"+/", b"-_"))


@dataclass(frozen=True)
class Find:
    """A secret that is where it must not be."""

    name: str
    place: str
    around: str

    def __str__(self) -> str:
        return f"{self.name} stands in {self.place}: {self.around}"


def search(needles: Iterable[Needle], places: dict[str, bytes]) -> list[Find]:
    """Every secret in every place, and everything with the form of a credential of the product."""
    finds = []
    spelled = [(needle, spelling) for needle in needles for spelling in needle.spellings()]
    for place, content in places.items():
        for needle, spelling in spelled:
            at = content.find(spelling)
            if at >= 0:
                finds.append(Find(needle.name, place, _around(content, at, len(spelling))))
        for match in FORMS.finditer(content):
            finds.append(Find("a credential by its form", place, _around(content, match.start(), len(match.group()))))
    return finds


def _around(content: bytes, at: int, length: int) -> str:
    """What stands around a secret, to find the place by; of the secret its first letters."""
    before = content[max(0, at - 120) : at].decode(errors="replace")
    after = content[at + length : at + length + 60].decode(errors="replace")
    return f"…{before}{content[at : at + 4].decode(errors='replace')}***{after}…"


def redis_content(url: str) -> bytes:
    """Every key and value of every database of a Redis."""
    with resp.Connection(url) as connection:
        parts = []
        for database in connection.databases():
            connection.call("SELECT", database)
            parts += (part for pair in connection.everything() for part in pair)
        return b"\n".join(parts)


def database_content(url: str) -> bytes:
    """Every row of every table of a database, as its superuser sees them; bytes both in hex and as they read."""
    rows = []
    with sql.Connection(url) as connection:
        columns = connection.query(
            "SELECT n.nspname, c.relname, a.attname, a.atttypid = 'bytea'::regtype"
            " FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace"
            " WHERE c.relkind IN ('r', 'm') AND a.attnum > 0 AND NOT a.attisdropped"
            " AND n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname NOT LIKE 'pg_toast%'"
            " ORDER BY 1, 2, a.attnum"
        )
        tables: dict[tuple, list[str]] = {}
        for schema, table, column, is_bytes in columns:
            name = f'"{column}"'
            shown = tables.setdefault((schema, table), [])
            shown.append(f"{name}::text")
            if is_bytes == "t":
                # The format doubles backslashes.
                shown.append(f"replace(encode({name}, 'escape'), E'\\\\\\\\', E'\\\\')")
        for (schema, table), shown in tables.items():
            rows.append([f"{schema}.{table}"])
            rows += connection.query(f'SELECT {", ".join(shown)} FROM "{schema}"."{table}"')
    return "\n".join("\t".join(value or "" for value in row) for row in rows).encode()
