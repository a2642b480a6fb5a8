"""The job that empties a stack: all engines or, before anything is touched, none."""

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import redis

from init import actions
from init.engines.base import WIPE_FAILED, set_patience
from init.protocol import Failure
from init.runner.lock import Lock
from init.runner.up import up
from tests.contract.containers import Contract
from tests.contract.migrations import cases
from tests.contract.migrations.case import Case
from tests.contract.migrations.processes import Processes
from tests.contract.servers import PASSWORD

pytestmark = [pytest.mark.contract, pytest.mark.timeout(300)]
ENGINES = ("postgres", "duckdb", "minio")
HOLDER = """
import sys, duckdb
connection = duckdb.connect(sys.argv[1])
print('{"event": "opened"}', flush=True)
sys.stdin.readline()
"""


@pytest.fixture(scope="module")
def found(servers: Contract, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Case]:
    """Engines with every kind of ledger, beside Redis, which has none."""
    servers.start("redis")
    for service in ("minio", "redis"):
        servers.healthy(service)
    return {name: cases.load(name)(servers, tmp_path_factory.mktemp(name)) for name in ENGINES}


@pytest.fixture
def cache(servers: Contract) -> Iterator["redis.Redis"]:
    with redis.Redis(servers.address("redis"), password=PASSWORD, decode_responses=True) as client:
        client.flushall()
        yield client


@pytest.fixture
def filled(found: dict[str, Case], cache: "redis.Redis") -> Mapping[str, Case]:
    for case in found.values():
        case.wipe_everything()
    for case in found.values():
        with case.run() as run:
            up(run)
        case.fill()
    cache.set("kept", "1")
    return found


@pytest.fixture(autouse=True)
def _short_patience() -> Iterator[None]:
    set_patience(1.0)
    yield
    set_patience(30.0)


def request(filled: Mapping[str, Case], servers: Contract, **changes: Any) -> dict[str, Any]:
    connections = {name: {**case.connection, "lock_seconds": 0.5} for name, case in filled.items()}
    connections["redis"] = {"host": servers.address("redis"), "port": 6379, "password": PASSWORD}
    return {"protocol": 1, "action": "wipe", "engines": {**connections, **changes}, "lock_seconds": 0.5}


@contextmanager
def untouched(filled: Mapping[str, Case], cache: "redis.Redis") -> Iterator[None]:
    before = {name: case.inventory() for name, case in filled.items()}
    yield
    assert {name: case.inventory() for name, case in filled.items()} == before
    assert cache.get("kept") == "1"


def test_all_engines_are_emptied_at_once(filled: Mapping[str, Case], servers: Contract, cache: "redis.Redis") -> None:
    with redis.Redis(servers.address("redis"), password=PASSWORD, db=3) as another:
        another.xadd("stream", {"a": "1"})
    cache.function_load("#!lua name=wiped\nredis.register_function('one', function() return 1 end)")
    answer = actions.handle(request(filled, servers))
    assert set(answer["engines"]) == {*ENGINES, "redis"}
    assert all(one["seconds"] >= 0 for one in answer["engines"].values())
    for case in filled.values():
        with case.run() as run:
            assert (run.driver.ledger(), run.driver.objects(), run.driver.contents()) == ((), {}, {})
            assert run.coordinator.history(case.engine) == ()
    assert (cache.info("keyspace"), cache.function_list()) == ({}, [])


def test_a_file_that_is_in_use_is_found_before_anything_is_touched(
    filled: Mapping[str, Case], servers: Contract, cache: "redis.Redis", processes: Processes
) -> None:
    with untouched(filled, cache):
        holder = processes.start(sys.executable, "-c", HOLDER, filled["duckdb"].connection["path"])
        holder.event("opened")
        with pytest.raises(Failure, match=r"duckdb: still in use after .*; nothing was touched") as busy:
            actions.handle(request(filled, servers))
        holder.close()
    assert busy.value.kind == "ConnectionFailed"


@pytest.mark.parametrize("engine", ["minio", "postgres"])
def test_a_migration_that_runs_is_named_before_anything_is_touched(
    filled: Mapping[str, Case], servers: Contract, cache: "redis.Redis", engine: str
) -> None:
    with untouched(filled, cache), filled[engine].run(runner="somebody@machine/1") as run:
        with (
            Lock(run.coordinator.connection, engine).held(),
            pytest.raises(
                Failure,
                match=rf"{engine}: its migrations are locked by ai-karen somebody@machine/1, process .* touched",
            ) as locked,
        ):
            actions.handle(request(filled, servers))
        assert locked.value.kind == "Locked"


def test_a_server_that_is_gone_is_found_before_anything_is_touched(
    filled: Mapping[str, Case], servers: Contract, cache: "redis.Redis"
) -> None:
    gone = {"host": servers.address("redis"), "port": 1, "password": PASSWORD}
    with untouched(filled, cache), pytest.raises(Failure, match=r"redis: not reachable .*; nothing was touched"):
        actions.handle(request(filled, servers, redis=gone))


def test_what_fails_later_says_so_and_leaves_postgresql_for_the_next_time(
    filled: Mapping[str, Case], servers: Contract, cache: "redis.Redis"
) -> None:
    administrator = {"username": "administrator", "password": PASSWORD}
    cache.acl_setuser(
        "administrator", enabled=True, passwords=[f"+{PASSWORD}"], keys=["*"], commands=["+@all", "-flushall"]
    )
    refused = {**request(filled, servers)["engines"]["redis"], **administrator}
    before = filled["postgres"].inventory()
    with pytest.raises(
        Failure, match=r"redis: not everything was removed: .*flushall.*; what is empty already stays so"
    ) as failed:
        actions.handle(request(filled, servers, redis=refused))
    assert failed.value.kind == WIPE_FAILED
    assert filled["postgres"].inventory() == before
    with filled["duckdb"].run() as run:
        assert run.driver.objects() == {}
    cache.acl_deluser("administrator")
    actions.handle(request(filled, servers))
    with filled["postgres"].run() as run:
        assert run.driver.contents() == {}


def test_the_job_is_answered_as_one(tmp_path: Path) -> None:
    with pytest.raises(Failure, match="engines has no postgres, where the locks are"):
        actions.handle({"protocol": 1, "action": "wipe", "engines": {"duckdb": {"path": str(tmp_path / "a.db")}}})
