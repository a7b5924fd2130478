"""Nothing secret is left behind: after everything the live run did, and after a run that takes a secret through every way in.

What is looked through: the functions' log, every key and value in Redis, every row of every table. What is looked for: each
secret of the run as it is, in URLs, in JSON, in base64 and in hex, and whatever has the form of the product's credentials.
"""

from __future__ import annotations

import base64
import json
import os
import secrets
import sys
import tempfile
import time
import urllib.parse
from pathlib import Path

from confided import Run, arguments, made_up_key, told
from stack import resp, sql
from stack.needles import Needle, database_content, redis_content, search
from stack.settings import for_database, parse_dotenv

OPERATOR = os.environ["ADMIN_API_KEY"]
LOG = Path(os.environ["COUNTERSIGN_FUNCTIONS_LOG"])


def main() -> int:
    run = Run()
    stage = set_the_stage(run)
    keys_and_their_ends(run, stage)
    secrets_in_wrong_places(run, stage)
    approvals(run, stage)
    audit_events(run, stage)
    names_and_ids(run, stage)
    of_the_stack(run)

    lines = logged(run)
    self_test()
    places = look()
    finds = search(run.needles, places)
    assert not finds, "secrets were left behind:\n" + "\n".join(map(str, finds))
    spellings = sum(len(list(needle.spellings())) for needle in run.needles)
    sizes = ", ".join(f"{place} {len(content):,}" for place, content in places.items())
    print(f"{run.requests} requests; {len(run.needles)} secrets in {spellings} spellings, and three forms, are nowhere in:")
    print(f"{sizes} bytes, with a line in the log for each of {lines} requests of this run")
    return 0


def set_the_stage(run: Run) -> dict:
    """A tenant of this run, made by the operator, with people and an agent."""
    operator = {"authorization": f"Bearer {OPERATOR}"}
    name = f"Leaks {secrets.token_hex(4)}"
    tenant = run.must(201, "POST", "/api/v1/tenants", body={"name": name}, **operator)["id"]
    body = {"email": "admin@leaks.example", "name": "Admin"}
    made = run.must(201, "POST", f"/api/v1/tenants/{tenant}/bootstrap", body=body, **operator)
    stage = {"tenant": tenant, "operator": operator, "admin": as_key(tenant, run.key("the admin's key", made["key"]))}
    for role in ("approver", "auditor"):
        body = {"email": f"{role}@leaks.example", "name": role, "role": role}
        user = run.must(201, "POST", "/api/v1/users", body=body, **stage["admin"])["id"]
        made = run.must(201, "POST", "/api/v1/api-keys", body={"role": role, "user_id": user}, **stage["admin"])
        stage[role] = as_key(tenant, run.key(f"the {role}'s key", made["key"]))
    body = {"role": "agent", "caller_id": "leaks-agent"}
    made = run.must(201, "POST", "/api/v1/api-keys", body=body, **stage["admin"])
    stage["agent"] = as_key(tenant, run.key("the agent's key", made["key"]))
    return stage


def as_key(tenant: str, key: str) -> dict[str, str]:
    return {"x_tenant_id": tenant, "authorization": f"Bearer {key}"}


def bearer(headers: dict[str, str]) -> str:
    return headers["authorization"].removeprefix("Bearer ")


def keys_and_their_ends(run: Run, stage: dict) -> None:
    """Keys that are rotated with and without an overlap, revoked, of the right form and wrong, and just wrong."""
    tenant, admin = stage["tenant"], stage["admin"]
    made = run.must(201, "POST", "/api/v1/api-keys", body={"role": "agent", "caller_id": "rotated"}, **admin)
    path, first = f"/api/v1/api-keys/{made['id']}", run.key("a rotated key, first", made["key"])
    run.must(200, "GET", "/api/v1", **as_key(tenant, first))
    second = run.key("a rotated key, second", run.must(200, "POST", f"{path}/rotate", body={"overlap_seconds": 60}, **admin)["key"])
    for key in (first, second):
        run.must(200, "GET", "/api/v1", **as_key(tenant, key))
    third = run.key("a rotated key, third", run.must(200, "POST", f"{path}/rotate", body={}, **admin)["key"])
    for key, status in ((first, 401), (second, 401), (third, 200)):
        run.must(status, "GET", "/api/v1", **as_key(tenant, key))
    run.must(204, "DELETE", path, **admin)
    run.must(401, "GET", "/api/v1", **as_key(tenant, third))

    agent = bearer(stage["agent"])
    wrong = run.key("a wrong secret of a real key", made_up_key("dev", agent.split("_")[2]))
    unknown = run.key("a key of the right form that nobody has", made_up_key("dev"))
    mistyped = run.key("a key whose checksum is wrong", agent[:-7] + "".join(reversed(agent[-7:])))
    for key in (wrong, unknown, mistyped, run.fresh("an unknown bearer")):
        run.must(401, "GET", "/api/v1", **as_key(tenant, key))
        run.must(401, "POST", "/api/v1/tenants", body={"name": "x"}, authorization=f"Bearer {key}")
    # Of another tenant: unknown in this one.
    run.must(401, "GET", "/api/v1", **as_key(os.environ["GLOBEX_TENANT"], agent))


def secrets_in_wrong_places(run: Run, stage: dict) -> None:
    """A key, the operator's credential and a formless secret wherever a client could put one by mistake."""
    tenant, agent = stage["tenant"], stage["agent"]
    key = bearer(agent)
    run.secret("the agent's key as basic credentials", base64.b64encode(f"agent:{key}".encode()).decode())
    for secret in (key, OPERATOR, run.fresh("a formless secret in the wrong place")):
        quoted = urllib.parse.quote(secret, safe="")
        basic = base64.b64encode(f"agent:{secret}".encode()).decode()
        for authorization in (secret, f"Basic {basic}", f"Token {secret}", f"bearer  {secret} {secret}", f"Digest username={secret}"):
            run.must(401, "GET", "/api/v1", x_tenant_id=tenant, authorization=authorization)
        run.must(400, "GET", "/api/v1", x_tenant_id=secret, authorization=f"Bearer {secret}")
        for header in ("x-api-key", "cookie", "user-agent", "referer", "origin", "accept-language", "traceparent", "x-amzn-trace-id",
                       "x-forwarded-for", "x-forwarded-proto", "forwarded", "if-none-match", "x-custom"):  # fmt: skip
            run.must(200, "GET", "/api/v1", **{**agent, header: secret})
        run.send("GET", "/health", host=secret)
        run.send("OPTIONS", "/api/v1", origin=secret, access_control_request_method=secret)
        for path in (f"/nowhere/{quoted}", f"/{quoted}", f"/api/v1/{quoted}"):
            run.must(404, "GET", path, **agent)
        for path in (f"/api/v1/approvals/{quoted}", f"/api/v1/tasks/{quoted}", f"/api/v1/approvals?cursor={quoted}",
                     f"/api/v1/approvals?api_key={quoted}", f"/api/v1/approvals?{quoted}=1", f"/api/v1/approvals?limit={quoted}",
                     f"/api/v1/approvals?status={quoted}", f"/health?key={quoted}"):  # fmt: skip
            run.must(400, "GET", path, **agent)
        run.must(404, "GET", f"/api/v1/audit/events/{quoted}", **agent)
        run.must(200, "GET", f"/api/v1/audit/events?tool={quoted}&correlation_id={quoted}", **agent)
        approvals = "/api/v1/approvals"
        for body in ({secret: 1}, {"reason": {secret: secret}}, {"tool_call": secret}, [secret], secret,
                     {"tool_call": {"tool": "t", "environment": secret}, "reason": "r"}, {"reason": "r", "ttl_seconds": secret}):  # fmt: skip
            run.must(400, "POST", approvals, body=body, **agent)
        for raw in (f'{{"reason": "{secret}', f'{{"a":"{secret}","a":"{secret}"}}', f"\x00{secret}", f'{{"reason":"\\ud800{secret}"}}'):
            run.must(400, "POST", approvals, raw=raw.encode(), **agent)
        # The local runtime answers a body that is not UTF-8 by itself.
        run.send("POST", approvals, raw=secret.encode() + b"\xff", **agent)
        run.must(415, "POST", approvals, raw=secret.encode(), **{**agent, "content-type": f"text/{secret[:10]}"})
        run.must(404, "POST", "/api/v1/approvals/check", body={"token": secret}, **agent)
        run.must(400, "PATCH", "/api/v1/users/me/settings", body={"time_zone": secret}, **stage["admin"])
    # The canonical line names the request by what the caller called it, and masks a credential in there.
    run.must(200, "GET", "/api/v1", **agent, x_request_id=key)
    # A tenant's admin as the operator, and the operator as a tenant's admin.
    run.must(403, "POST", "/api/v1/tenants", body={"name": "x"}, authorization=stage["admin"]["authorization"])
    run.must(401, "GET", "/api/v1/users", x_tenant_id=tenant, **stage["operator"])


def approvals(run: Run, stage: dict) -> None:
    """Secrets in arguments, reasons and notes, and the requester's token where it does not belong."""
    agent, approver = stage["agent"], stage["approver"]

    def ask(reason: str, **call) -> dict:
        body = {"tool_call": {"tool": "leaks.test", **call}, "reason": reason}
        made = run.must(201, "POST", "/api/v1/approvals", body=body, **agent)
        run.secret("an approval's token", made["token"])
        run.secret("an approval's token (the random part)", made["token"].removeprefix("cst_"))
        return made

    made = ask("a token in the wrong places", arguments=arguments(run, "arguments of a tool call"))
    token, path = made["token"], f"/api/v1/approvals/{made['id']}"
    run.must(200, "POST", "/api/v1/approvals/check", body={"token": token}, **agent)
    run.must(403, "POST", "/api/v1/approvals/check", body={"token": token}, **approver)
    unknown = run.fresh("an unknown token", "cst_")
    run.must(404, "POST", "/api/v1/approvals/check", body={"token": unknown}, **agent)
    run.must(400, "POST", f"/api/v1/approvals/check?token={token}", body={"token": token}, **agent)
    run.must(400, "GET", f"/api/v1/approvals/{token}", **agent)
    run.must(400, "GET", f"{path}?token={token}", **agent)
    run.must(401, "GET", path, x_tenant_id=stage["tenant"], authorization=f"Bearer {token}")
    run.must(200, "GET", path, **agent, x_request_id=token)
    run.must(404, "GET", f"/api/v1/audit/events/{token}", **agent)

    for verb in ("approve", "deny"):
        for sentence in told(run, f"a note ({verb})"):
            made = ask("why not")
            run.must(200, "POST", f"/api/v1/approvals/{made['id']}/{verb}", body={"note": sentence}, **approver)
    for sentence in told(run, "a reason"):
        made = ask(sentence, arguments={"note": sentence})
        run.must(200, "POST", f"/api/v1/approvals/{made['id']}/cancel", body={}, **agent)
        run.must(200, "POST", "/api/v1/approvals/check", body={"token": made["token"]}, **agent)
    run.must(200, "GET", "/api/v1/approvals?limit=200", **stage["auditor"])


def audit_events(run: Run, stage: dict) -> None:
    """Secrets in the arguments of events, alone, in a batch, twice, and in events that are refused."""
    path, agent = "/api/v1/audit/events", stage["agent"]

    def event(way: str, **more) -> dict:
        body = {"request_id": secrets.token_hex(8), "caller_id": "bot", "tool": "leaks.test", "arguments": arguments(run, way)}
        return {**body, **more}

    one = event("arguments of an event")
    for duplicate in (False, True):
        answer = run.must(202, "POST", path, body=one, **agent)
        assert answer["events"][0]["duplicate"] is duplicate, answer
    run.must(409, "POST", path, body={**event("an event in conflict"), "request_id": one["request_id"]}, **agent)
    run.must(202, "POST", path, body=[event(f"event {number} of a batch") for number in range(3)], **agent)
    run.must(400, "POST", path, body=[event("a refused batch"), event("a refused event", tool="")], **agent)
    large = {"password": run.fresh("in a body that is too large") + "x" * (1 << 20)}
    run.must(413, "POST", path, body=event("a body that is too large", arguments=large), **agent)
    run.must(200, "GET", f"{path}?limit=200", **stage["auditor"])


def names_and_ids(run: Run, stage: dict) -> None:
    """A name or an id cannot be redacted, so one that holds a credential is refused."""
    agent, admin = stage["agent"], stage["admin"]
    key = bearer(agent)
    credentials = [key, f"of-{run.fresh('a token as an id', 'cst_x' + '0' * 12)}", base64.b64encode(key.encode()).decode()]
    for credential in credentials:
        event = {"request_id": secrets.token_hex(8), "caller_id": "bot", "tool": "leaks.test"}
        for field in ("request_id", "caller_id", "tool", "action", "correlation_id"):
            run.must(400, "POST", "/api/v1/audit/events", body={**event, field: credential}, **agent)
        call = {"tool_call": {"tool": "leaks.test"}, "reason": "r"}
        for wrong in ({"request_id": credential}, {"tool_call": {"tool": credential}}, {"tool_call": {"tool": "t", "server": credential}}):
            run.must(400, "POST", "/api/v1/approvals", body={**call, **wrong}, **agent)
        run.must(400, "POST", "/api/v1/api-keys", body={"role": "agent", "caller_id": credential}, **admin)
        run.must(400, "POST", "/api/v1/users", body={"email": "x@leaks.example", "name": credential, "role": "auditor"}, **admin)
        run.must(400, "POST", "/api/v1/tenants", body={"name": credential}, **stage["operator"])
    for field in ("decision", "outcome"):
        # Of the credentials known by their form the one that is written like a decision.
        access_key = run.secret(f"an access key as a {field}", "AKIA" + "".join(secrets.choice("ABCDEFGH234567") for _ in range(16)))
        run.must(400, "POST", "/api/v1/audit/events", body={**event, field: access_key}, **agent)
    for field in ("risk_labels", "approver_groups"):
        run.must(400, "POST", "/api/v1/approvals", body={"tool_call": {"tool": "t"}, "reason": "r", field: [key]}, **agent)
    run.must(400, "POST", "/api/v1/audit/events", body={**event, "risk_labels": [key]}, **agent)
    run.must(400, "POST", "/api/v1/users", body={"email": "y@leaks.example", "name": "Y", "role": "auditor", "groups": [key]}, **admin)


def of_the_stack(run: Run) -> None:
    """What the functions were started with, and the keys that the rest of the live run used."""
    run.secret("the operator's credential", OPERATOR)
    seed = run.secret("the signing seed", os.environ["AUDIT_SIGNING_SEED"])
    run.secret("the signing seed (its bytes)", base64.b64decode(seed).hex())
    for name in ("DATABASE_URL", "SWEEPER_DATABASE_URL", "ADMIN_DATABASE_URL", "REDIS_URL"):
        run.secret(name, os.environ[name])
        password = urllib.parse.urlsplit(os.environ[name]).password
        if password:
            run.secret(f"the password of {name}", urllib.parse.unquote(password))
    for name, value in parse_dotenv(Path(os.environ["COUNTERSIGN_KEYS_FILE"]).read_text()).items():
        if value.startswith("cs_"):
            run.key(name, value)


def logged(run: Run) -> int:
    """Waits for the line of every request of this run: only then is this the run's log, and all of it. Returns their number."""
    # A caller's own id that is a secret is masked in there.
    secret = {needle.secret for needle in run.needles}
    wanted = {request_id for request_id in run.request_ids if request_id not in secret}
    assert len(wanted) > run.requests * 0.9, f"only {len(wanted)} of {run.requests} requests were answered by a function"
    until = time.monotonic() + 30
    while missing := wanted - request_lines(LOG.read_bytes()):
        assert time.monotonic() < until, f"{len(missing)} of {len(wanted)} requests left no line in {LOG}, such as {min(missing)}"
        time.sleep(0.1)
    return len(wanted)


def request_lines(log: bytes) -> set[str]:
    """The ids in the canonical lines; between them stand the emulator's own lines, which are no JSON."""
    found = set()
    for line in log.splitlines():
        if b'"target":"request"' in line and line.startswith(b"{"):
            found.add(json.loads(line)["request_id"])
    return found


def look(log: Path = LOG) -> dict[str, bytes]:
    """Everything the run has left behind."""
    return {
        "the log": log.read_bytes(),
        "Redis": redis_content(os.environ["REDIS_URL"]),
        "the database": database_content(database()),
    }


def database() -> str:
    """The functions' database as its superuser."""
    name = urllib.parse.urlsplit(os.environ["DATABASE_URL"]).path[1:]
    return for_database(os.environ["TEST_DATABASE_URL"], name)


def self_test() -> None:
    """Plants a secret of its own in every place and every spelling: a search that misses one proves nothing."""
    planted = Needle("a planted secret", secrets.token_urlsafe(24) + "/+ \"")
    key, table = f"planted:{secrets.token_hex(8)}", f"planted_{secrets.token_hex(8)}"
    with tempfile.TemporaryDirectory() as folder:
        # The functions go on writing to their own.
        copy = Path(folder) / LOG.name
        for spelling in planted.spellings():
            text = spelling.decode().replace("'", "''")
            copy.write_bytes(LOG.read_bytes())
            with open(copy, "ab") as log:
                log.write(b'{"level":"INFO","message":"' + spelling + b'"}\n')
            with resp.Connection(os.environ["REDIS_URL"]) as redis, sql.Connection(database()) as postgres:
                redis.call("HSET", key, "field", spelling)
                postgres.query(f"CREATE TABLE {table} (number int, bytes bytea); INSERT INTO {table} VALUES (1, convert_to('{text}', 'UTF8'))")
                try:
                    places = look(copy)
                finally:
                    redis.call("DEL", key)
                    postgres.query(f"DROP TABLE {table}")
            found = {find.place for find in search([planted], places) if find.name == planted.name}
            assert found == set(places), f"the search missed {spelling!r} in {set(places) - found}"


if __name__ == "__main__":
    sys.exit(main())
