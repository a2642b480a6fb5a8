"""A restore whose exchange fails each time: given up, a stack has its own data again, runs, and takes another restore."""

from collections.abc import Iterator

import docker
import pytest

from ops.backups import journal
from tests.e2e import clients
from tests.e2e.backups.samples import document, in_volume, karen
from tests.e2e.backups.test_restore import cut
from tests.e2e.live import PORTS_BESIDE, SERVICES_OFF, LiveStack

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]
GIVE_UP = ("backup", "restore", "--give-up")


@pytest.fixture(scope="module")
def small() -> Iterator[LiveStack]:
    """A stack with PostgreSQL, Redis and DuckDB, and a set `kept` of it."""
    live = LiveStack("test-give-up")
    live.settings |= {**SERVICES_OFF, **PORTS_BESIDE, "enableBackups": "true"}
    live.create()
    try:
        live.up()
        written(live, "kept")
        document(live, "backup", "create", "--label", "kept")
        yield live
    finally:
        live.erase()
        journal.remove(live.name)


def written(live: LiveStack, name: str) -> None:
    """Put something of that name into every engine."""
    env = live.variables()
    with clients.postgres(env) as postgres:
        postgres.execute("INSERT INTO profiles (user_id) VALUES (%s)", [name])
    clients.redis_client(env).set(f"own:{name}", "1")
    with clients.duckdb_file(env) as duckdb:
        duckdb.execute("INSERT INTO profiles (user_id) VALUES (?)", [name])


def seen(live: LiveStack) -> dict[str, list[str]]:
    """Return what of that each engine has."""
    env = live.variables()
    with clients.postgres(env) as postgres:
        rows = postgres.execute("SELECT user_id FROM profiles ORDER BY 1").fetchall()
    with clients.duckdb_file(env) as duckdb:
        others = duckdb.execute("SELECT user_id FROM profiles ORDER BY 1").fetchall()
    keys = sorted(str(key).partition(":")[2] for key in clients.redis_client(env).scan_iter("own:*"))
    return {"postgres": [str(name) for (name,) in rows], "duckdb": [str(name) for (name,) in others], "redis": keys}


def running(live: LiveStack) -> set[str]:
    """Return which of its servers are healthy, and the service of backups if it runs."""
    client = docker.from_env()
    try:
        found = {one: client.api.inspect_container(live.container(one))["State"] for one in ("postgres", "redis")}
        healthy = {one for one, state in found.items() if state["Running"] and state["Health"]["Status"] == "healthy"}
        state = client.api.inspect_container(live.container("backups"))["State"]
        return healthy | ({"backups"} if state["Running"] else set())
    finally:
        client.close()


def broken(live: LiveStack, engine: str, mark: str, *only: str) -> None:
    """Have a restore that is killed as it exchanges an engine, and cannot be finished: what was loaded is not whole any more."""
    cut(live, "backup", "restore", "kept", *only, "--confirm", live.name, at=f"{engine}: stops")
    in_volume(live, f"{engine}-data", "rm", f"/v/{mark}")
    for command in (("latest", "--only", "duckdb"), ()):
        told = karen(live, "backup", "restore", *command, "--confirm", live.name, code=1).stderr
        assert f"Should it never succeed: ./karen backup restore --give-up --stack {live.name}" in told
    assert engine not in running(live)
    assert "has begun to exchange data, and is not finished" in karen(live, "status", code=1).stdout


@pytest.mark.parametrize(
    ("engine", "mark", "only"),
    [
        pytest.param("redis", "restoring/set", (), marks=pytest.mark.full),
        pytest.param("postgres", "restoring/ready", ("--only", "postgres"), marks=pytest.mark.full),
    ],
)
def test_what_is_not_exchanged_is_as_before_and_everything_runs(
    small: LiveStack, engine: str, mark: str, only: tuple[str, ...]
) -> None:
    karen(small, "backup", "restore", "kept", "--confirm", small.name)
    written(small, "newer")
    broken(small, engine, mark, *only)
    assert "no terminal" in karen(small, *GIVE_UP, code=1).stderr
    told = document(small, *GIVE_UP, "--confirm", small.name)
    assert told["kept"] == [engine]
    assert sorted(told["restored"]) == ([] if only else ["duckdb", "postgres"])
    there = seen(small)
    assert there[engine] == ["kept", "newer"]
    assert all(there[one] == ["kept"] for one in told["restored"])
    assert running(small) == {"postgres", "redis", "backups"}
    assert journal.read(small.name) is None
    left = in_volume(small, f"{engine}-data", "ls", "/v").split()
    assert not {"restoring", "placing", "replaced", "returning", "aside"} & set(left)
    karen(small, "migrate", "verify")
    karen(small, "backup", "restore", "kept", "--confirm", small.name)
    assert seen(small) == {"postgres": ["kept"], "duckdb": ["kept"], "redis": ["kept"]}


def test_without_its_note_half_an_exchange_of_redis_is_put_in_order(small: LiveStack) -> None:
    written(small, "newer")
    restore = ("backup", "restore", "kept", "--only", "redis", "--confirm", small.name)
    cut(small, *restore, at="redis: stops")
    journal.remove(small.name)
    client = docker.from_env()
    try:
        client.api.stop(small.container("redis"))
    finally:
        client.close()
    half = (
        "cd /v && mkdir replaced && mv appendonlydir replaced && mv restoring placing && chown -R --reference=placing ."
    )
    in_volume(small, "redis-data", "sh", "-c", half)
    # Killed once the old data are back: they are all there.
    cut(small, *restore, at="redis: starts")
    karen(small, "start", "redis")
    assert seen(small)["redis"] == ["kept", "newer"]
    karen(small, *restore)
    assert seen(small)["redis"] == ["kept"]
    left = in_volume(small, "redis-data", "ls", "/v").split()
    assert not {"restoring", "placing", "replaced", "returning", "aside", "earlier"} & set(left)
