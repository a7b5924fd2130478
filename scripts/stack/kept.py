"""Secrets made up once and kept, readable by their owner alone."""

from __future__ import annotations

import base64
import json
import os
import secrets
from pathlib import Path


def keep(file: Path) -> dict[str, str]:
    """The secrets of this stack: made at the first call, the same ever after."""
    known = json.loads(file.read_text()) if file.exists() else {}
    fresh = {
        # Hex needs no quoting in a URL, and one password per cluster is enough: all of it is on loopback.
        "postgres": lambda: secrets.token_hex(24),
        "redis": lambda: secrets.token_hex(24),
        "admin_api_key": lambda: secrets.token_urlsafe(32),
        "audit_signing_seed": lambda: base64.b64encode(secrets.token_bytes(32)).decode(),
    }
    values = {name: known.get(name) or make() for name, make in fresh.items()}
    if values != known:
        write_private(file, json.dumps(values, indent=2) + "\n")
    return values


def write_private(file: Path, text: str) -> None:
    """Writes with mode 0600 from the first byte on, replacing the file at once."""
    draft = file.with_name(file.name + ".new")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as out:
        out.write(text)
    draft.replace(file)
