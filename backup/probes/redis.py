"""Redis: some keys of every database, read as what they are."""

from collections.abc import Callable, Mapping
from typing import Any

import redis

from backup.probes import Tell, failed
from init import transport
from init.engines.base import first_line, required, retry

_ENGINE = "redis"
_SAMPLE = 20
_MOST = 100
_TIMEOUT_SECONDS = 30
# What a type is read with; anything else, as a module's, as the server would hand it to another one.
_READERS: Mapping[bytes, Callable[["redis.Redis", bytes], Any]] = {
    b"string": lambda client, key: client.get(key),
    b"hash": lambda client, key: client.hscan(key, count=_MOST),
    b"list": lambda client, key: client.lrange(key, 0, _MOST),
    b"set": lambda client, key: client.sscan(key, count=_MOST),
    b"zset": lambda client, key: client.zrange(key, 0, _MOST, withscores=True),
    b"stream": lambda client, key: client.xrange(key, count=_MOST),
}
_GONE = b"none"


def probe(connection: Mapping[str, Any], progress: Tell) -> str:
    """Read 20 keys of each database at most; one that expires meanwhile is none of them."""
    try:
        read, keys, databases = 0, 0, _databases(connection)
        for number, count in databases.items():
            client = _client(connection, number)
            with client:
                read += sum(_read(client, key) for key in _sampled(client, count))
            keys += count
    except redis.RedisError as error:
        raise failed(_ENGINE, first_line(error)) from None
    return f"{read} of {keys} keys in {len(databases)} databases read" if keys else "no keys"


def _databases(connection: Mapping[str, Any]) -> dict[int, int]:
    """Return how many keys each database has."""
    client = _client(connection, 0)
    with client:
        facts: Mapping[str, Any] = retry(
            lambda: client.info("keyspace"),
            engine=_ENGINE,
            transient=lambda error: (
                isinstance(error, redis.ConnectionError | redis.TimeoutError)
                and not isinstance(error, redis.AuthenticationError)
            ),
            fix="look at the Redis container's log",
        )
    return {int(name[2:]): int(one["keys"]) for name, one in facts.items()}


def _client(connection: Mapping[str, Any], database: int) -> "redis.Redis":
    return redis.Redis(
        host=required(connection, "host", str),
        port=required(connection, "port", int),
        username=connection.get("username"),
        password=required(connection, "password", str),
        db=database,
        socket_timeout=_TIMEOUT_SECONDS,
        socket_connect_timeout=_TIMEOUT_SECONDS,
        **transport.redis(connection),
    )


def _sampled(client: "redis.Redis", count: int) -> set[bytes]:
    """Return some keys, all where there are few."""
    if count <= _SAMPLE:
        return {_bytes(key) for key in client.scan_iter(count=_MOST)}
    drawn = [client.randomkey() for _ in range(_SAMPLE)]
    return {_bytes(key) for key in drawn if key is not None}


def _read(client: "redis.Redis", key: bytes) -> bool:
    """Read a key, and tell whether it was still there."""
    kind = _bytes(client.type(key))
    if kind == _GONE:
        return False
    try:
        _READERS.get(kind, _dump)(client, key)
    except redis.ResponseError as error:
        # It may have become something else in between.
        if _bytes(client.type(key)) == kind:
            raise failed(_ENGINE, f"the key {key!r} of the type {kind.decode()}: {first_line(error)}") from None
        return False
    return True


def _dump(client: "redis.Redis", key: bytes) -> Any:
    return client.dump(key)


def _bytes(value: Any) -> bytes:
    assert isinstance(value, bytes), "responses are not decoded"
    return value
