#!/usr/bin/env python3
"""After the tests: nothing with the form of a key, a token or a webhook secret stands in the Redis they used."""

from __future__ import annotations

import os
import secrets

from stack import resp
from stack.needles import redis_content, search
from stack.say import Problem, run


def main() -> int:
    url = os.environ.get("TEST_REDIS_URL")
    if not url:
        raise Problem("TEST_REDIS_URL is not set; run this through scripts/test.py.")
    # A scan that could not find one would say as much.
    planted, token = f"planted:{secrets.token_hex(8)}", "cst_" + secrets.token_urlsafe(32)
    with resp.Connection(url) as connection:
        connection.call("HSET", planted, "token", token)
        try:
            if not search([], {"Redis": redis_content(url)}):
                raise Problem("the scan of Redis did not find the token that was planted in it.")
        finally:
            connection.call("DEL", planted)
        keys = connection.call("DBSIZE")
    content = redis_content(url)
    finds = search([], {"Redis": content})
    if finds:
        raise Problem("credentials stand in the tests' Redis:\n" + "\n".join(map(str, finds)))
    print(f"{keys} keys, {len(content):,} bytes: no credential of the product among them")
    return 0


if __name__ == "__main__":
    run(main)
