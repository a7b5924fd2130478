"""What a client could confide to the product: the run that remembers each secret, and secrets of every form and under every
name."""

from __future__ import annotations

import base64
import http.client
import json
import os
import secrets
import urllib.parse
import zlib

from stack.needles import Needle

URL = urllib.parse.urlsplit(os.environ["COUNTERSIGN_URL"])
BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
#: Names of keys whose value is hidden whatever it is.
SECRET_NAMES = (
    "password", "DB_PASS", "userPassword", "X-Api-Key", "api_key", "Authorization", "cookie", "Set-Cookie", "client_secret",
    "access_token", "refreshToken", "session_id", "jwt", "otp", "privateKeyPem", "ssh_key", "signing_key", "aws_secret_access_key",
    "credentials", "passphrase", "smtp_pass", "card_number", "cvv", "ssn", "one_time_code",
)  # fmt: skip


class Run:
    """What was secret in this run, and requests in it."""

    def __init__(self) -> None:
        self.needles: list[Needle] = []
        self.requests = 0
        #: The id of every request that a function answered.
        self.request_ids: list[str] = []

    def secret(self, name: str, value: str) -> str:
        """Notes a secret and returns it."""
        self.needles.append(Needle(name, value))
        return value

    def fresh(self, name: str, front: str = "") -> str:
        return self.secret(name, front + secrets.token_urlsafe(24))

    def key(self, name: str, text: str) -> str:
        """Notes an API key: whole, and what of it only its holder knows."""
        self.secret(f"{name} (the secret part)", text.rsplit("_", 1)[1][:27])
        return self.secret(name, text)

    def send(self, method: str, path: str, *, body=None, raw: bytes | None = None, **headers: str):
        """One request; returns its status and its body's JSON. `x_tenant_id` is the header X-Tenant-Id, and so on."""
        sent = {"content-type": "application/json", **{name.replace("_", "-"): value for name, value in headers.items()}}
        content = raw if raw is not None else None if body is None else json.dumps(body).encode()
        connection = http.client.HTTPConnection(URL.hostname, URL.port, timeout=60)
        try:
            connection.request(method, path, content, sent)
            response = connection.getresponse()
            answer = response.read()
        finally:
            connection.close()
        self.requests += 1
        # The emulator answers some odd requests by itself, without one.
        if request_id := response.getheader("x-request-id"):
            self.request_ids.append(request_id)
        return response.status, json.loads(answer) if answer.startswith((b"{", b"[")) else answer

    def must(self, status: int, method: str, path: str, **how):
        got, answer = self.send(method, path, **how)
        assert got == status, (method, path, got, answer)
        return answer


def letters(count: int) -> str:
    return "".join(secrets.choice(BASE62) for _ in range(count))


def made_up_key(environment: str, key_id: str = "0" * 22) -> str:
    """A key with a checksum that fits, and a secret that nobody was given."""
    body = f"cs_{environment}_{key_id}_{letters(27)}"
    number, checksum = zlib.crc32(body.encode()), ""
    for _ in range(6):
        number, digit = divmod(number, 62)
        checksum = BASE62[digit] + checksum
    return body + checksum


def told(run: Run, way: str) -> list[str]:
    """Sentences with a secret in them whose form, or whose surroundings, say that it is one."""

    def part_of_jwt(value: dict) -> str:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()

    def noted(form: str, secret: str) -> str:
        return run.secret(f"{form} in {way}", secret)

    pem = "\n".join(noted("a line of a private key", letters(64)) for _ in range(3))
    jwt = noted("a JWT", f"{part_of_jwt({'alg': 'HS256'})}.{part_of_jwt({'sub': letters(8)})}.{letters(43)}")
    own = run.key(f"a key of the product in {way}", made_up_key("production"))
    token = noted("a token of the product", f"cst_{letters(43)}")
    nested = json.dumps({"level": json.dumps({"db": {"password": noted("a password in JSON in JSON", letters(20))}})})
    return [
        f"use {noted('an AWS key id', 'AKIA' + letters(16).upper())} for it",
        f"the key is -----BEGIN RSA PRIVATE KEY-----\n{pem}\n-----END RSA PRIVATE KEY-----",
        f"the session is {jwt}, still",
        f"ghp: {noted('a GitHub token', 'ghp_' + letters(36))}",
        f"slack {noted('a Slack token', 'xoxb-' + letters(24))}",
        f"stripe {noted('a Stripe key', 'sk_' + 'live_' + letters(24))}",
        f"google {noted('a Google key', 'AIza' + letters(35))}",
        f"npm {noted('an npm token', 'npm_' + letters(36))}",
        f"model {noted('an Anthropic key', 'sk-ant-' + letters(40))}",
        f"it said postgres://app:{noted('a password in a URL', letters(20))}@db.example:5432/app",
        f"and redis://:{noted('a password in a Redis URL', letters(20))}@cache.example:6379/0",
        f"curl -H 'Authorization: Bearer {noted('a bearer token', letters(32))}' https://x.example",
        f"curl -H 'Authorization: Basic {noted('basic credentials', base64.b64encode(f'ada:{letters(16)}'.encode()).decode())}' x",
        f"PGPASSWORD={noted('an assigned password', letters(18))} psql",
        f"deploy --token {noted('the option of a command', letters(18))} --yes",
        f"my password: {noted('a password by name', letters(18))}",
        f"header X-Api-Key: {noted('a header by name', letters(18))}",
        f"signed by whsec_{noted('a webhook secret', letters(32))}",
        f"our key {own} leaked",
        f"our token {token} leaked",
        f"in base64 {base64.b64encode(f'key={own}'.encode()).decode()} too",
        f"in base64 {base64.urlsafe_b64encode(token.encode()).decode()} too",
        nested,
    ]


def arguments(run: Run, way: str) -> dict:
    """Arguments with secrets under names that say so, listed as pairs, as options of a command, and in texts."""
    hidden = {name: run.fresh(f"{name} in {way}") for name in SECRET_NAMES}
    number = secrets.randbelow(10**12) + 10**12
    run.secret(f"a number under a secret name in {way}", str(number))
    return {
        **hidden,
        "nested": {"deep": [{"list": [{"password": run.fresh(f"deep in {way}"), "user": "ada"}]}]},
        "whole": {"secret": {"inner": run.fresh(f"inside what is hidden in {way}"), "list": [run.fresh(f"in its list in {way}")]}},
        "pin": number,
        "env": [{"name": "DB_PASSWORD", "value": run.fresh(f"a named value in {way}")}],
        "headers": [{"key": "Authorization", "value": f"Bearer {run.fresh(f'a listed header in {way}')}"}],
        "command": ["login", "--password", run.fresh(f"an option in {way}"), f"--token={run.fresh(f'an assigned option in {way}')}"],
        "body": json.dumps({"inner": json.dumps({"api_key": run.fresh(f"JSON in JSON in {way}")})}),
        "texts": told(run, way),
        run.key(f"a key as a name in {way}", made_up_key("dev")): 1,
    }
