"""What only a real gateway and a real runtime can show: routing, methods, odd requests, CORS, and many at once."""

from __future__ import annotations

import concurrent.futures
import http.client
import json
import os
import sys
import urllib.parse

URL = urllib.parse.urlsplit(os.environ["COUNTERSIGN_URL"])
TENANT = os.environ["ACME_TENANT"]


def ask(method, path, *, key=None, body=None, headers=None):
    sent = {"content-type": "application/json", **(headers or {})}
    if key:
        sent |= {"authorization": f"Bearer {os.environ[key]}", "x-tenant-id": TENANT}
    connection = http.client.HTTPConnection(URL.hostname, URL.port, timeout=60)
    try:
        connection.request(method, path, None if body is None else json.dumps(body), sent)
        response = connection.getresponse()
        return response.status, {name.lower(): value for name, value in response.getheaders()}, response.read()
    finally:
        connection.close()


def expect_error(answer, status, code):
    got, headers, body = answer
    error = json.loads(body)
    assert (got, error["error"]["code"], error["success"]) == (status, code, False), (got, body)
    assert error["meta"]["request_id"] == headers["x-request-id"], headers
    assert headers["cache-control"] == "no-store", headers


def routing():
    for path in ("/", "/nowhere", "/api/v2", "/api/v1/approvals/x/y/z", "/health/x"):
        expect_error(ask("GET", path), 404, "NOT_FOUND")
    for method, path in (("DELETE", "/health"), ("PUT", "/api/v1/approvals"), ("POST", "/api/v1/audit/events/x"), ("PATCH", "/api/v1")):
        expect_error(ask(method, path), 405, "METHOD_NOT_ALLOWED")
    expect_error(ask("GET", "/api/v1/approvals"), 400, "MISSING_TENANT_ID")
    expect_error(ask("GET", "/api/v1/approvals", headers={"x-tenant-id": TENANT}), 401, "UNAUTHORIZED")
    status, _, body = ask("HEAD", "/health")
    assert (status, body) == (200, b""), (status, body)


def odd_requests():
    # lambda_http alone would panic on these, and take the process with it.
    for host in ("[", "a b", "x:99999", "%"):
        status, _, _ = ask("GET", "/health", headers={"host": host})
        assert status in (200, 400), (host, status)
    expect_error(ask("GET", "/health?a=%zz&b=%C3%28", headers={"x-forwarded-proto": "::"}), 400, "VALIDATION_ERROR")
    status, _, body = ask("GET", "/api/v1/audit/events/odd%20id%3F%23%25", key="ACME_AUDITOR_KEY")
    assert status == 404, (status, body)


def cors():
    preflight = {"access-control-request-method": "POST"}
    status, headers, _ = ask("OPTIONS", "/api/v1/approvals", headers={"origin": "http://localhost:5173", **preflight})
    assert (status, headers.get("access-control-allow-origin")) == (204, "http://localhost:5173"), headers
    for origin in ("http://evil.example", "http://localhost:5174"):
        status, headers, _ = ask("OPTIONS", "/api/v1/approvals", headers={"origin": origin, **preflight})
        assert (status, headers.get("access-control-allow-origin")) == (204, None), headers
        _, headers, _ = ask("GET", "/health", headers={"origin": origin})
        assert "access-control-allow-origin" not in headers, headers


def races():
    """Two people approve the same request at once, through separate processes; then one approves while one denies."""
    pairs = 20

    def press(request, verb, key):
        status, _, body = ask("POST", f"/api/v1/approvals/{request}/{verb}", key=key, body={})
        return verb, status, json.loads(body)

    def pair(required, verbs):
        body = {"tool_call": {"tool": "deploy", "arguments": {}}, "reason": "race", "required_approvals": required}
        status, _, made = ask("POST", "/api/v1/approvals", key="ACME_AGENT_KEY", body=body)
        assert status == 201, made
        request = json.loads(made)["id"]
        with concurrent.futures.ThreadPoolExecutor(2) as people:
            keys = ("ACME_APPROVER_KEY", "ACME_SECOND_APPROVER_KEY")
            answers = list(people.map(lambda pressed: press(request, *pressed), zip(verbs, keys)))
        _, _, final = ask("GET", f"/api/v1/approvals/{request}", key="ACME_AUDITOR_KEY")
        return answers, json.loads(final)["status"]

    for _ in range(pairs):
        answers, final = pair(2, ("approve", "approve"))
        assert final == "APPROVED" and all(status == 200 for _, status, _ in answers), (answers, final)
        assert [body["status"] for _, _, body in answers].count("APPROVED") == 1, answers
    for _ in range(pairs):
        answers, final = pair(1, ("approve", "deny"))
        told = [(verb, body["status"]) for verb, status, body in answers if status == 200]
        assert told == [("approve" if final == "APPROVED" else "deny", final)], (answers, final)
        lost = [body["error"] for _, status, body in answers if status == 409]
        assert len(lost) == 1 and lost[0]["code"] == "ALREADY_DECIDED" and lost[0]["details"]["status"] == final, answers
    print(f"{pairs} two-of-two pairs and {pairs} approve-against-deny pairs through separate processes: one winner each")


def once():
    """Eight clients at once, with one key, through separate processes; then once more with another body."""
    body = {"tool_call": {"tool": "deploy", "arguments": {}}, "reason": "once"}
    key = {"idempotency-key": "e2e-" + os.urandom(8).hex()}

    def make(body):
        return ask("POST", "/api/v1/approvals", key="ACME_AGENT_KEY", body=body, headers=key)

    with concurrent.futures.ThreadPoolExecutor(8) as clients:
        answers = list(clients.map(make, [body] * 8))
    made = {json.loads(told)["id"] for status, _, told in answers if status == 201}
    first = [told for status, headers, told in answers if status == 201 and "idempotency-replayed" not in headers]
    assert len(made) == 1 and len(first) == 1, answers
    for answer in answers:
        if answer[0] != 201:
            expect_error(answer, 409, "IDEMPOTENCY_IN_FLIGHT")
    status, headers, again = make(body)
    assert (status, headers.get("idempotency-replayed")) == (201, "true"), (status, headers)
    assert json.loads(again) == {**json.loads(first[0]), "token": None}, again
    assert headers["ratelimit-policy"] == '"default";q=400;w=4' and headers["ratelimit"].startswith('"default";r='), headers
    expect_error(make({**body, "reason": "twice"}), 422, "IDEMPOTENCY_MISMATCH")
    print("eight twins through separate processes: made once, answered alike")


def links():
    """The decision page as a browser gets it, and one link presented by eight at once, through separate processes."""
    body = {"tool_call": {"tool": "deploy", "arguments": {}}, "reason": "by link", "required_approvals": 2}
    _, _, made = ask("POST", "/api/v1/approvals", key="ACME_AGENT_KEY", body=body)
    asked = json.loads(made)
    page = f"/decide/{asked['id']}"
    status, _, made = ask("POST", f"/api/v1/approvals/{asked['id']}/links", key="ACME_APPROVER_KEY", body={})
    assert status == 201, made
    url, secret = json.loads(made)["url"].split("#")
    assert url == f"{URL.scheme}://{URL.netloc}{page}", url
    status, headers, html = ask("GET", page)
    assert (status, headers["content-type"]) == (200, "text/html; charset=utf-8"), (status, headers)
    assert "sha256-" in headers["content-security-policy"] and headers["referrer-policy"] == "no-referrer", headers
    assert ask("GET", "/decide/01930000-0000-7000-8000-000000000000")[2] == html
    status, _, body = ask("HEAD", page)
    assert (status, body) == (200, b""), (status, body)
    for method, path in (("PUT", page), ("DELETE", page), ("GET", f"{page}/view")):
        expect_error(ask(method, path), 405, "METHOD_NOT_ALLOWED")
    own = {"origin": f"{URL.scheme}://{URL.netloc}"}
    decision = {"secret": secret, "decision": "APPROVE", "display_hash": asked["display_hash"]}
    expect_error(ask("POST", page, body=decision, headers={"origin": "http://evil.example"}), 403, "FORBIDDEN")
    status, _, body = ask("POST", f"{page}/view", body={"secret": secret}, headers=own)
    assert (status, json.loads(body)["version"]) == (200, 1), body
    with concurrent.futures.ThreadPoolExecutor(8) as clients:
        answers = list(clients.map(lambda _: ask("POST", page, body=decision, headers=own), range(8)))
    taken = [json.loads(body) for status, _, body in answers if status == 200]
    assert [status["approvals"] for status in taken] == [1], answers
    for answer in answers:
        if answer[0] != 200:
            expect_error(answer, 404, "NOT_FOUND")
    print("the decision page decides nothing by itself, and one link in eight hands decides once")


def main() -> int:
    routing()
    odd_requests()
    cors()
    races()
    once()
    links()
    print("routing, odd requests and CORS answer as the contract says")
    return 0


if __name__ == "__main__":
    sys.exit(main())
