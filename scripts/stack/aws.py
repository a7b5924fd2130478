"""A private stand-in for AWS (MiniStack) with dummy credentials, for tests."""

from __future__ import annotations

import http.client
import os
import time

from . import ports
from .places import Home
from .processes import Supervisor
from .say import Problem
from .tools import Packages, with_packages

#: Never real ones: a test that misses the stand-in must fail, not reach somebody's account.
DUMMY_CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_REGION": "us-east-1",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_EC2_METADATA_DISABLED": "true",
}


def start(home: Home, packages: Packages, supervisor: Supervisor, port: int) -> str:
    """Starts it and returns its endpoint once it answers."""
    environment = with_packages(dict(os.environ))
    environment.update(DUMMY_CREDENTIALS)
    environment.update(
        {
            "BIND_HOST": ports.LOOPBACK,
            "GATEWAY_PORT": str(port),
            "MINISTACK_HOST": "localhost",
            "SERVICES": "secretsmanager,sqs,events,lambda,apigateway,iam,sts,logs",
        }
    )
    folder = home.path / "aws"
    folder.mkdir(exist_ok=True)
    log = home.path / "logs" / "aws.log"
    child = supervisor.start("MiniStack", [packages.program("ministack", "ministack")], log, env=environment, cwd=folder)
    until = time.monotonic() + 60
    while not _answers(port):
        supervisor.check()
        if time.monotonic() > until:
            raise Problem(f"MiniStack did not answer within 60 s; the end of {log} says:\n{child.tail()}")
        time.sleep(0.1)
    return f"http://{ports.LOOPBACK}:{port}"


def _answers(port: int) -> bool:
    connection = http.client.HTTPConnection(ports.LOOPBACK, port, timeout=2)
    try:
        connection.request("GET", "/_localstack/health")
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
