"""The servers of one stack, started together and described by the environment the product reads."""

from __future__ import annotations

from pathlib import Path

from . import ports, redis
from .kept import keep
from .places import Home, Servant, remove
from .postgres import FOR_DEVELOPMENT, FOR_TESTS, SUPERUSER, TEST_ROLE_PASSWORD, Cluster
from .processes import Supervisor
from .say import Problem, Progress
from .settings import DATABASE_URLS, without_password
from .sources import Finder


def for_development(home: Home, own: dict[str, str], supervisor: Supervisor, progress: Progress) -> dict[str, str]:
    """Postgres and Redis, unless the person named their own; the settings that reach them."""
    secrets = keep(home.path / "secrets.json")
    finder = Finder(own.get("COUNTERSIGN_SERVERS"), supervisor, progress)
    settings = {}
    given = [name for name in DATABASE_URLS if name in own]
    if 0 < len(given) < len(DATABASE_URLS):
        missing = [name for name in DATABASE_URLS if name not in own]
        raise Problem(f"{' and '.join(given)} is set but not {' and '.join(missing)}; set all of them, or none for a private Postgres.")
    if given:
        progress.line("postgres", f"yours, {without_password(own['DATABASE_URL'])}")
    else:
        password = secrets["postgres"]
        cluster = _cluster(home, finder, (password, password), supervisor, progress, FOR_DEVELOPMENT)
        cluster.prepare(["countersign"])
        roles = ("countersign_app", "countersign_sweeper", "countersign_migrator")
        settings.update({name: cluster.url(role, "countersign") for name, role in zip(DATABASE_URLS, roles)})
    if "REDIS_URL" in own:
        progress.line("redis", f"yours, {without_password(own['REDIS_URL'])}")
    else:
        settings["REDIS_URL"] = _redis(home, finder, secrets["redis"], supervisor, progress, durable=True)
    settings["ADMIN_API_KEY"] = secrets["admin_api_key"]
    settings["AUDIT_SIGNING_SEED"] = secrets["audit_signing_seed"]
    return settings


def for_tests(home: Home, forced: str | None, supervisor: Supervisor, progress: Progress) -> dict[str, str]:
    """A fresh Postgres and Redis; tests make their own databases in them."""
    secrets = keep(home.path / "secrets.json")
    finder = Finder(forced, supervisor, progress)
    passwords = (secrets["postgres"], TEST_ROLE_PASSWORD)
    cluster = _cluster(home, finder, passwords, supervisor, progress, FOR_TESTS, fresh=True)
    cluster.prepare([])
    return {
        "TEST_DATABASE_URL": cluster.url(SUPERUSER, "postgres"),
        "TEST_REDIS_URL": _redis(home, finder, secrets["redis"], supervisor, progress, durable=False),
    }


def _cluster(home: Home, finder: Finder, passwords, supervisor, progress, settings, *, fresh: bool = False) -> Cluster:
    servant = Servant()
    server = finder.postgres(servant)
    cluster = Cluster(home, server, servant, *passwords)
    others = sorted(path for path in home.path.glob("postgres-*") if path != cluster.link)
    if fresh:
        for link in (cluster.link, *others):
            remove(link)
    elif others and not cluster.link.exists():
        names = " and ".join(path.name for path in others)
        progress.line("postgres", f"{server}; it begins anew, since another version wrote {names}")
    if cluster.make():
        # They belong to a database that is not this one.
        keys_file(home).unlink(missing_ok=True)
    port = ports.steady(home.path / "ports.json", "postgres")
    cluster.start(supervisor, settings, port)
    progress.line("postgres", f"{server}, on {ports.LOOPBACK}:{port}")
    return cluster


def _redis(home: Home, finder: Finder, password: str, supervisor, progress, *, durable: bool) -> str:
    server = finder.redis()
    port = ports.steady(home.path / "ports.json", "redis")
    url = redis.start(home, server, password, supervisor, port, durable=durable)
    progress.line("redis", f"{server}, on {ports.LOOPBACK}:{port}")
    return url


def keys_file(home: Home) -> Path:
    """Where the seed leaves the API keys of the people and agents it makes."""
    return home.path / "keys.env"
