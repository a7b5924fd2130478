"""The scheduled event through `cargo lambda invoke`, and what the sweep does for a client who waits."""

from __future__ import annotations

import json
import subprocess
import sys
import time

from gateway import URL, ask

EVENT = {"version": "0", "id": "1", "detail-type": "Scheduled Event", "source": "aws.events", "detail": {}}


def ping():
    status, _, body = ask("POST", "/api/v1/tasks/ping", key="ACME_AGENT_KEY", body={})
    assert status == 202, body
    began, task = time.monotonic(), json.loads(body)["id"]
    while time.monotonic() - began < 30:
        status, _, body = ask("GET", f"/api/v1/tasks/{task}", key="ACME_AGENT_KEY")
        if json.loads(body)["status"] == "DONE":
            assert json.loads(body)["result"] == "pong", body
            return time.monotonic() - began
        time.sleep(0.05)
    raise AssertionError(f"the ping did not come back: {body}")


def main() -> int:
    print(f"a ping came back after {ping():.2f} s")
    began = time.monotonic()
    invoked = subprocess.run(
        ["cargo-lambda", "lambda", "invoke", "outbox", "-A", URL.hostname, "-P", str(URL.port), "--data-ascii", json.dumps(EVENT)],
        stdout=subprocess.PIPE,
        text=True,
        timeout=150,
    )
    assert invoked.returncode == 0, invoked.stdout
    summary = json.loads(invoked.stdout)
    assert summary["turns"] > 0, summary
    print(f"cargo lambda invoke outbox: {summary} after {time.monotonic() - began:.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
