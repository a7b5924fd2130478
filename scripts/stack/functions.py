"""The functions under `cargo lambda watch`, and the schedule that EventBridge would fire."""

from __future__ import annotations

import datetime
import http.client
import json
import re
import socket
import threading
import time
import uuid
from pathlib import Path

from . import ports
from .places import ROOT
from .processes import Child, Supervisor
from .say import Problem, tell

#: One request of each function behind HTTP. Any answer will do: it shows that the function runs.
WARM_UP = ("/health", "/api/v1", "/api/v1/approvals", "/api/v1/audit/events")
#: A waiting request holds one process. So many of them, and so few seats for those who wait in each of the two seeded
#: tenants, that there is always one left to decide.
CONCURRENCY = 16
MAX_WAITERS = 6


def start(cargo_lambda: str, port: int, environment: dict[str, str], log: Path, supervisor: Supervisor, *, reload: bool) -> Child:
    """Starts the emulator of Lambda and its gateway. Everything it will run must have been built."""
    command = [cargo_lambda, "lambda", "watch", "--color", "never"]
    command += ["--invoke-address", ports.LOOPBACK, "--invoke-port", str(port)]
    command += ["--concurrency", str(CONCURRENCY)]
    # Its own CORS answers would mirror any origin; ours come from the functions.
    command += ["--disable-cors"]
    if not reload:
        command += ["--ignore-changes"]
    # Cargo would report every process that is started; what it has to say of a failed build is still said.
    environment = {"APPROVAL_MAX_WAITERS": str(MAX_WAITERS), **environment, "CARGO_TERM_QUIET": "true"}
    return supervisor.start("cargo lambda watch", command, log, env=environment, cwd=ROOT)


def wait_until_listening(port: int, supervisor: Supervisor, patience: float = 30) -> None:
    """Waits until the emulator accepts connections; the functions behind it start with their first requests."""
    until = time.monotonic() + patience
    while True:
        supervisor.check()
        try:
            socket.create_connection((ports.LOOPBACK, port), timeout=1).close()
            return
        except OSError:
            if time.monotonic() > until:
                raise Problem(f"cargo lambda watch did not open port {port} within {patience:.0f} s.") from None
            time.sleep(0.05)


def wait_until_ready(port: int, supervisor: Supervisor, log: Path, patience: float = 180) -> None:
    """Waits until `/health/ready` says `ok`, then wakes the other functions."""
    until = time.monotonic() + patience
    answer = "no answer"
    while True:
        supervisor.check()
        try:
            status, body = request(port, "GET", "/health/ready", timeout=30)
            answer = f"{status} {body}"
            if status == 200 and json.loads(body).get("status") == "ok":
                break
        except (OSError, http.client.HTTPException, ValueError) as error:
            answer = answer if answer[0].isdigit() else str(error)
        if time.monotonic() > until:
            raise Problem(f"/health/ready did not become ok within {patience:.0f} s; it said: {answer}; see {log}")
        time.sleep(0.2)
    waking = [threading.Thread(target=_wake, args=(port, path), daemon=True) for path in WARM_UP]
    for thread in waking:
        thread.start()
    for thread in waking:
        thread.join(60)


def _wake(port: int, path: str) -> None:
    try:
        request(port, "GET", path, timeout=60)
    except (OSError, http.client.HTTPException):
        pass  # the first real request will tell


def request(port: int, method: str, path: str, body: str | None = None, *, timeout: float) -> tuple[int, str]:
    """One HTTP request on loopback; no proxy from the environment gets in between."""
    connection = http.client.HTTPConnection(ports.LOOPBACK, port, timeout=timeout)
    try:
        connection.request(method, path, body, {"content-type": "application/json"} if body else {})
        response = connection.getresponse()
        return response.status, response.read().decode(errors="replace")
    finally:
        connection.close()


def scheduled_event(now: datetime.datetime) -> dict:
    """What EventBridge sends when the schedule fires."""
    return {
        "version": "0",
        "id": str(uuid.uuid4()),
        "detail-type": "Scheduled Event",
        "source": "aws.events",
        "account": "123456789012",
        "time": now.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "region": "us-east-1",
        "resources": ["arn:aws:events:us-east-1:123456789012:rule/countersign-sweep"],
        "detail": {},
    }


#: What cargo-lambda and its runtime say of their own doings, several lines for every process they start.
_CHATTER = re.compile(r"^ INFO |the concurrency-tokio feature is not enabled|^ERROR command killed code=ForceStop")


def worth_showing(line: str) -> bool:
    """Whether a line of the log is the functions' own, or a warning, rather than the emulator's chatter."""
    return not _CHATTER.search(line)


class Schedule:
    """Keeps one sweep of the outbox running: each is followed by the next, as in the cloud the minute's is."""

    #: A sweep that ends early, or fails, is not repeated faster than this.
    PAUSE_SECONDS = 1.0
    PAUSE_AFTER_FAILURE_SECONDS = 10.0

    def __init__(self, port: int) -> None:
        self._port = port
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """No further sweep is started; the one under way ends with its function."""
        self._stopping.set()

    def _run(self) -> None:
        while not self._stopping.is_set():
            failure = self._sweep()
            if failure and not self._stopping.is_set():
                tell(f"sweep: {failure}")
            self._stopping.wait(self.PAUSE_AFTER_FAILURE_SECONDS if failure else self.PAUSE_SECONDS)

    def _sweep(self) -> str | None:
        event = scheduled_event(datetime.datetime.now(datetime.timezone.utc))
        try:
            path = "/2015-03-31/functions/outbox/invocations"
            status, body = request(self._port, "POST", path, json.dumps(event), timeout=120)
        except (OSError, http.client.HTTPException) as error:
            return f"the outbox function could not be invoked: {error}"
        return None if status == 200 else f"the outbox function failed: {status} {body}"
