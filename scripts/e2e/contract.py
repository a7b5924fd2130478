#!/usr/bin/env python3
"""Schemathesis over `openapi.json` against the product's router, on a database of its own.

    scripts/test.py scripts/e2e/contract.py    as in every run of the tests: the same inputs each time, about a minute
    CONTRACT_EXAMPLES=500 …                    so many inputs for each operation instead of 20, and longer stories
    CONTRACT_SEED=1 …                          other inputs, chosen by this number

Examples, boundary values, random inputs and stories along the links, as an admin with the operator beside it, as an agent
and as an approver: no server error, no answer that the description does not name or whose form it does not give, nothing
accepted that it excludes, nothing refused that it allows. What a schema cannot say stands in `contract_checks.py`.

The router is served over plain HTTP by `serve` (tests/src/bin), because the local Lambda emulator answers some odd requests
itself and stops at a hundred that wait.
"""

from __future__ import annotations

import http.client
import json
import os
import subprocess
import sys
import time
import urllib.parse
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from stack import sql  # noqa: E402
from stack.places import ROOT, Home  # noqa: E402
from stack.postgres import TEST_ROLE_PASSWORD  # noqa: E402
from stack.processes import Stop, Supervisor, raise_on_signals  # noqa: E402
from stack.say import Problem, Progress, run  # noqa: E402
from stack.servers import keys_file  # noqa: E402
from stack.settings import DATABASE_URLS, for_role, parse_dotenv  # noqa: E402
from stack.tools import Packages, target_dir, with_packages  # noqa: E402

DATABASE = "countersign_contract"
OPERATOR = "operator-credential-of-the-contract-check"


def main() -> int:
    if "TEST_DATABASE_URL" not in os.environ:
        raise Problem("usage: scripts/test.py scripts/e2e/contract.py")
    raise_on_signals()
    home = Home("contract")
    home.lock()
    supervisor = Supervisor(home.path / "processes.json")
    try:
        supervisor.end_leftovers()
        return _check(home, supervisor)
    except Stop as stop:
        return stop.exit_code
    finally:
        supervisor.end_all()


def _check(home: Home, supervisor: Supervisor) -> int:
    program = Packages(supervisor, Progress()).program("schemathesis", "schemathesis")
    environment = {**with_packages(dict(os.environ)), **_settings()}
    keys = keys_file(home)
    keys.unlink(missing_ok=True)
    countersign = str(target_dir() / "debug" / "countersign")
    # The seed prints the keys it makes; they are in the file as well.
    for arguments in (["migrate", "up"], ["seed", "--keys-file", str(keys)]):
        if supervisor.call([countersign, *arguments], cwd=ROOT, env=environment, stdout=subprocess.DEVNULL) != 0:
            raise Problem(f"`countersign {' '.join(arguments)}` failed; see its message above.")
    seeded = parse_dotenv(keys.read_text())

    log = home.path / "logs" / "serve.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    log.unlink(missing_ok=True)
    supervisor.start("serve", [str(target_dir() / "debug" / "serve")], log, cwd=ROOT, env=environment)
    url = _address(log, supervisor)
    told = {**environment, "SCHEMATHESIS_HOOKS": "contract_checks", "PYTHONPATH": str(HERE)}
    told["CONTRACT_KEPT_IDS"] = " ".join(_seeded_ids(url, seeded))

    seed = os.environ.get("CONTRACT_SEED")
    chosen = ["--seed", seed] if seed else ["--generation-deterministic"]
    examples = int(os.environ.get("CONTRACT_EXAMPLES", "20"))
    few = max(1, examples // 4)
    for principal, count in (("ADMIN", examples), ("AGENT", few), ("APPROVER", few)):
        key = seeded[f"ACME_{principal}_KEY"]
        headers = {"Authorization": f"Bearer {key}", "X-Tenant-ID": seeded["ACME_TENANT"]}
        print(f"-- as {principal.lower()}, {count} inputs for each operation", flush=True)
        config = home.path / "schemathesis.toml"
        config.write_text(_config(headers))
        command = [program, "--config-file", str(config), "run", str(ROOT / "openapi.json"), "--url", url]
        command += ["--max-examples", str(count), *chosen, "--workers", "1", "--no-color"]
        if principal != "ADMIN":
            # Boundary values are refused to everybody alike.
            command += ["--phases", "examples,fuzzing,stateful"]
        if supervisor.call(command, cwd=home.path, env=told) != 0:
            return 1
        # Had a story taken the caller's own rights, there would have been nothing but refusals from there on.
        status, _ = _get(url, "/api/v1", headers)
        if status != 200:
            raise Problem(f"the {principal.lower()}'s key does not work any more: {status}; see {log}")
    return 0


def _config(headers: dict[str, str]) -> str:
    """The operator has its own credential; and what is deleted here is suspended, deactivated or revoked, and stays to be seen."""
    lines = [f"headers = {_inline(headers)}"]
    lines += ["[generation]", "allow-x00 = false"]
    # In contract_checks.py, where they know the contract.
    for check in ("ignored_auth", "positive_data_acceptance"):
        lines += [f"[checks.{check}]", "enabled = false"]
    lines += ["[[operations]]", 'include-path-regex = "^/api/v1/tenants"']
    lines += [f"headers = {_inline({'Authorization': f'Bearer {OPERATOR}'})}", "checks.use_after_free.enabled = false"]
    lines += ["[[operations]]", 'include-path-regex = "^/api/v1/(users|api-keys)"', "checks.use_after_free.enabled = false"]
    return "\n".join(lines) + "\n"


def _inline(table: dict[str, str]) -> str:
    # A TOML basic string is a JSON one.
    return "{ " + ", ".join(f"{name} = {json.dumps(value)}" for name, value in table.items()) + " }"


def _settings() -> dict[str, str]:
    """A database made anew for this run, and limits that are not what is checked here."""
    admin = os.environ["TEST_DATABASE_URL"]
    sql.run(admin, f"DROP DATABASE IF EXISTS {DATABASE} WITH (FORCE)")
    sql.run(admin, f"CREATE DATABASE {DATABASE} OWNER countersign_migrator")
    roles = ("countersign_app", "countersign_sweeper", "countersign_migrator")
    return {
        **{name: for_role(admin, role, TEST_ROLE_PASSWORD, DATABASE) for name, role in zip(DATABASE_URLS, roles)},
        "REDIS_URL": os.environ["TEST_REDIS_URL"],
        "ADMIN_API_KEY": OPERATOR,
        "ENVIRONMENT": "local",
        "SECRETS_SOURCE": "env",
        "LOG_LEVEL": "warn",
        "AUTH_BCRYPT_COST": "4",
        "DATABASE_MAX_CONNECTIONS": "4",
        # Whoever waits is answered at once, or the check would wait along.
        "APPROVAL_MAX_WAITERS": "0",
        "RATE_LIMIT_PER_SECOND": "100000",
        "RATE_LIMIT_BURST": "100000",
    }


def _address(log: Path, supervisor: Supervisor) -> str:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        supervisor.check()
        for line in log.read_text().splitlines() if log.exists() else ():
            if line.startswith("http://"):
                return line
        time.sleep(0.05)
    raise Problem(f"serve did not say where it listens; see {log}")


def _seeded_ids(url: str, seeded: dict[str, str]) -> list[str]:
    """The tenant, the people and the keys that the check itself needs."""
    headers = {"Authorization": f"Bearer {seeded['ACME_ADMIN_KEY']}", "X-Tenant-ID": seeded["ACME_TENANT"]}
    ids = [seeded["ACME_TENANT"]]
    for path in ("/api/v1/users?limit=200", "/api/v1/api-keys?limit=200"):
        _, page = _get(url, path, headers)
        ids += [each["id"] for each in page["data"]]
    return ids


def _get(url: str, path: str, headers: dict[str, str]) -> tuple[int, dict]:
    parts = urllib.parse.urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=30)
    try:
        connection.request("GET", path, headers=headers)
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())
    finally:
        connection.close()


if __name__ == "__main__":
    run(main)
