"""What each use of Redis may do: reading, probing, taking backups."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from backup.engines.redis import PART
from backup.probes import redis as probes
from components.redis import RULES, access_list
from init.engines import load
from tests.contract.accounts.redis_server import APPLICATION, SEEDED, Server
from tests.contract.containers import Contract

pytestmark = [pytest.mark.contract, pytest.mark.timeout(120)]
USES = [
    {"name": f"redis-{user}", "user": user, "password": f"{user}-1", "rights": rights} for user, rights in RULES.items()
]
# Nobody but the administrator.
ADMINISTERS = (
    ("CONFIG", "GET", "*"), ("CONFIG", "SET", "maxmemory", "1"), ("ACL", "LIST"), ("ACL", "SETUSER", "default", "nopass"), ("FLUSHALL",),
    ("SHUTDOWN",), ("CLIENT", "LIST"), ("MONITOR",), ("SAVE",), ("REPLICAOF", "127.0.0.1", "1"), ("KEYS", "*"),
)  # fmt: skip
WRITES = (
    ("SET", "a", "1"), ("DEL", "a"), ("RENAME", "a", "b"), ("EXPIRE", "a", "1"), ("HSET", "h", "f", "1"), ("PUBLISH", "c", "x"),
    ("SUBSCRIBE", "c"), ("EVAL", "return redis.call('set', 'a', '1')", "0"), ("FUNCTION", "FLUSH"), ("SORT", "l", "STORE", "m"),
    ("GETDEL", "a"), ("COPY", "a", "b"),
)  # fmt: skip


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with Contract.session("accounts-redis") as contract:
        yield Server(contract, tmp_path)


@pytest.fixture
def granted(server: Server) -> Server:
    """A server with the users of all uses, and a key of each kind."""
    server.driver().grant([APPLICATION, *USES])
    with opened(server, "default", "application-1") as client:
        client.set("a", "b")
        client.hset("h", "f", "v")
        client.rpush("l", "1", "2")
        client.pfadd("p", "x")
    return server


def opened(server: Server, user: str, password: str) -> "redis.Redis":
    return redis.Redis(
        host=server.connection["host"],
        username=user,
        password=password,
        decode_responses=True,
        retry=Retry(NoBackoff(), 0),
    )


def refused(client: "redis.Redis", *commands: tuple[str, ...]) -> None:
    for command in commands:
        with pytest.raises(redis.exceptions.NoPermissionError):
            client.execute_command(*command)  # type: ignore[no-untyped-call]


def denied(server: Server) -> list[str]:
    """Return what the server has refused to users until now, and forget it."""
    with opened(server, "administrator", "administrator-1") as client:
        found = [f"{one['username']} {one['object']}" for one in client.acl_log()]
        client.acl_log_reset()
    return found


def test_a_reader_reads_every_key_and_nothing_else(granted: Server) -> None:
    with opened(granted, "reader", "reader-1") as client:
        assert client.ping()
        assert client.get("a") == "b"
        assert client.pfcount("p") == 1
        assert sorted(client.scan_iter()) == ["a", "h", "l", "p"]
        assert client.pipeline().hgetall("h").lrange("l", 0, -1).ttl("a").execute() == [{"f": "v"}, ["1", "2"], -1]
        assert client.info("keyspace")["db0"]["keys"] == 4
        assert denied(granted) == []
        refused(client, *WRITES, *ADMINISTERS, ("SYNC",), ("REPLCONF", "rdb-only", "1"))


def test_the_monitor_probes_and_sees_no_key(granted: Server) -> None:
    login = {"username": "monitor", "password": "monitor-1", "must_exist": True}
    driver: Any = load("redis")
    driver.connect({**granted.connection, **login, "expect": {"appendonly": "yes"}})
    driver.probe()
    driver.close()
    assert denied(granted) == []
    with opened(granted, "monitor", "monitor-1") as client:
        refused(client, *WRITES, *ADMINISTERS, ("GET", "a"), ("SCAN", "0"), ("HGETALL", "h"), ("DUMP", "a"), ("SYNC",))


def test_backups_take_everything_and_write_nothing(granted: Server) -> None:
    connection = {**granted.connection, "username": "backups", "password": "backups-1"}
    counts, _ = PART.summarize(connection)
    assert counts["db0"] == 4
    assert probes.probe(connection, print) == "4 of 4 keys in 1 databases read"
    assert denied(granted) == []
    with opened(granted, "backups", "backups-1") as client:
        refused(client, *WRITES, *ADMINISTERS)


def test_a_new_server_begins_with_all_of_them(server: Server) -> None:
    uses = [(one["user"], one["password"], one["rights"]) for one in USES]
    server.container.stop()
    (server.directory / "users.acl").write_text(access_list([*SEEDED, *uses]))
    server.start()
    counts, _ = PART.summarize({**server.connection, "username": "backups", "password": "backups-1"})
    assert sum(counts.values()) == 0
    with opened(server, "administrator", "administrator-1") as client:
        seeded = client.acl_list()
    server.driver().grant([APPLICATION, *USES])
    with opened(server, "administrator", "administrator-1") as client:
        assert client.acl_list() == seeded
