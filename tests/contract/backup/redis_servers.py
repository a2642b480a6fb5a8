"""Redis servers for the tests of backups: one that is backed up, and fresh ones whose volume is a directory of this user."""

import hashlib
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import redis
from docker.models.containers import Container

from components.images import reference
from tests.contract.containers import SOURCE, Contract
from tests.contract.servers import PASSWORD

Connection = dict[str, Any]
TARGET_PASSWORD = "the target's own"


def client(connection: Connection, database: int = 0) -> "redis.Redis":
    return redis.Redis(
        host=connection["host"],
        port=connection["port"],
        username=connection["username"],
        password=connection["password"],
        db=database,
    )


@dataclass
class Target:
    """A server of this user, whose volume is a directory."""

    container: Container
    connection: Connection
    directory: Path

    def start(self) -> None:
        """Start it, and wait until it has read its data."""
        self.container.start()
        self.container.reload()
        (network,) = self.container.attrs["NetworkSettings"]["Networks"].values()
        self.connection["host"] = network["IPAddress"]
        deadline = time.monotonic() + 20
        while True:
            try:
                client(self.connection).ping()
            except (redis.ConnectionError, redis.BusyLoadingError):
                assert time.monotonic() < deadline, self.container.logs().decode()
                time.sleep(0.05)
            else:
                client(self.connection).config_set("repl-diskless-sync-delay", 0)
                return


@contextmanager
def backed() -> Iterator[tuple[Contract, Connection]]:
    """Provide the server that is backed up, and the session it is in."""
    with Contract.session("backup-redis") as contract:
        found = {"host": contract.address("redis"), "port": 6379, "username": "default", "password": PASSWORD}
        # Nobody else asks for the same, and nobody has to wait for them.
        client(found).config_set("repl-diskless-sync-delay", 0)
        yield contract, found


def emptied(connection: Connection) -> Connection:
    """Empty a server."""
    client(connection).flushall()
    client(connection).function_flush()
    client(connection).config_set("repl-diskless-sync", "yes")
    return connection


@contextmanager
def started(contract: Contract, home: Path, appendonly: str) -> Iterator[Target]:
    """Provide a server with a password of its own."""
    directory, secrets = home / "data", home / "secrets"
    for one in (directory, secrets):
        one.mkdir()
    hashed = hashlib.sha256(TARGET_PASSWORD.encode()).hexdigest()
    (secrets / "users.acl").write_text(f"user default on #{hashed} ~* &* +@all\n")
    container = contract.client.containers.create(
        reference("redis", SOURCE),
        ["redis-server", "--aclfile", "/secrets/users.acl", "--dir", "/data", "--appendonly", appendonly],
        user=f"{os.getuid()}:{os.getgid()}",
        network=contract.name,
        labels=contract.labels,
        mem_limit="512m",
        volumes={str(directory): {"bind": "/data"}, str(secrets): {"bind": "/secrets", "mode": "ro"}},
    )
    connection = {
        "port": 6379,
        "username": "default",
        "password": TARGET_PASSWORD,
        "volume": str(directory),
        "expect": {"appendonly": appendonly},
    }
    found = Target(container, connection, directory)
    try:
        found.start()
        yield found
    finally:
        container.remove(force=True, v=True)


def fill(connection: Connection) -> None:
    """Put a key of every type and every encoding there."""
    one = client(connection)
    one.mset(
        {"text": "😀 \x00\x01", "empty": "", "number": "-123456789", "long": "compressible " * 500, "raw": b"\xff\xfe"}
    )
    one.set("random", os.urandom(3 << 20))
    one.set("repeated", b"0123456789abcdef " * (200 << 10))
    one.append("appended", "12")
    one.rpush("list", "a", 1, "", "x" * 20000, *(str(i) for i in range(3000)))
    one.sadd("integers", 1, -5, 1 << 40)
    one.sadd("small set", "a", "b", 3)
    one.sadd("large set", *(f"member {i}" for i in range(2000)))
    one.hset("small hash", mapping={"a": "1", "b": "text", "": ""})
    one.hset("large hash", mapping={f"field {i}": "v" * i for i in range(600)})
    scores = {"a": 1.5, "b": float("inf"), "c": float("-inf"), "d": -0.0, "e": 1e-300, "f": 3}
    one.zadd("small zset", scores)
    one.zadd("large zset", {**scores, **{f"m{i}": i / 3 for i in range(500)}})
    for i in range(300):
        one.xadd("stream", {"n": i, "text": f"entry {i}"}, id=f"{i + 1}-{i}")
    one.xdel("stream", "5-4")
    one.xgroup_create("stream", "readers", id="0")
    one.xgroup_create("stream", "idle", id="$")
    one.xreadgroup("readers", "first", {"stream": ">"}, count=20)
    one.xack("stream", "readers", "1-0")
    one.xgroup_create("empty stream", "group", mkstream=True)
    one.setbit("bits", 1000, 1)
    one.pfadd("counted", *range(1000))
    one.geoadd("places", (13.361389, 38.115556, "Palermo"))
    one.function_load("#!lua name=library\nredis.register_function('one', function() return 1 end)")
    one.set("expiring", "soon gone", ex=3600)
    one.hset("fading", mapping={"a": "1", "b": "2"})
    one.hexpire("fading", 3600, "a")
    client(connection, 7).set("elsewhere", "seven")


EXPECTED = {"db0": 21, "db0 (expiring)": 2, "db7": 1, "functions": 1}


def dumped(connection: Connection) -> dict[tuple[int, bytes], Any]:
    """Return what an application reads from each key."""
    one = client(connection)
    keys: list[Any] = list(one.scan_iter())
    readers: dict[Any, Callable[[Any], Any]] = {
        b"string": one.get,
        b"list": lambda key: one.lrange(key, 0, -1),
        b"set": one.smembers,
        b"hash": one.hgetall,
        b"zset": lambda key: one.zrange(key, 0, -1, withscores=True),
        b"stream": lambda key: (one.xrange(key), one.xinfo_stream(key)["last-generated-id"], _groups(one, key)),
    }
    found: dict[tuple[int, bytes], Any] = {(0, key): readers[one.type(key)](key) for key in keys}
    return {**found, **{(7, key): client(connection, 7).get(key) for key in client(connection, 7).scan_iter()}}


def _groups(one: "redis.Redis", key: Any) -> list[Any]:
    return [(group, one.xpending(key, group["name"])) for group in one.xinfo_groups(key)]
