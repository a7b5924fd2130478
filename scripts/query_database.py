#!/usr/bin/env python3
"""Makes a fresh, migrated database on the test server and prints its URL: what the queries are checked against.

It applies the migrations itself. `countersign migrate` would have to be built first, and cannot be built while a
query and `.sqlx` disagree, which is just when `.sqlx` is to be made anew.
"""

from __future__ import annotations

import os

from stack import sql
from stack.places import ROOT
from stack.postgres import TEST_ROLE_PASSWORD, migrate
from stack.say import Problem, run
from stack.settings import for_database, for_role

NAME = "countersign_queries"


def main() -> int:
    admin = os.environ.get("TEST_DATABASE_URL")
    if not admin:
        raise Problem("TEST_DATABASE_URL is not set; run this through scripts/test.py.")
    sql.run(admin, f"DROP DATABASE IF EXISTS {NAME} WITH (FORCE)")
    sql.run(admin, f"CREATE DATABASE {NAME} OWNER countersign_migrator")
    url = for_role(admin, "countersign_migrator", TEST_ROLE_PASSWORD, NAME)
    migrate(url, ROOT / "migrations")
    # As the superuser: sqlx asks for the plan of each query, and a plan under row-level security wants a tenant.
    print(for_database(admin, NAME))
    return 0


if __name__ == "__main__":
    run(main)
