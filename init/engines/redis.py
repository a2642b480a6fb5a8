"""Redis: no schema. Initialization proves that it is reachable, writes, expires, persists and evicts as configured."""

import uuid
from collections.abc import Mapping
from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from init import transport
from init.engines import redis_accounts
from init.engines.base import Accounts, Seeds, Service, first_line, not_wiped, required, retry
from init.migrations import LedgerEntry
from init.protocol import Failure

_SERVICE = "redis"
_TIMEOUT_SECONDS = 5
_PROBE_LIFETIME_SECONDS = 5
_FIX = "look at the Redis container's log"


class Driver(Service):
    """Redis through redis-py."""

    _client: "redis.Redis"
    _facts: Mapping[str, Any]
    _connection: Mapping[str, Any]

    def connect(self, connection: Mapping[str, Any]) -> None:
        """Connect, read the server's facts, and compare its settings with `expect`."""
        self._connection = connection
        self._client = redis.Redis(
            host=required(connection, "host", str),
            port=required(connection, "port", int),
            username=connection.get("username"),
            password=required(connection, "password", str),
            socket_timeout=_TIMEOUT_SECONDS,
            socket_connect_timeout=_TIMEOUT_SECONDS,
            decode_responses=True,
            # A connection that was lost is opened again; a wrong password, an error of connections as well, is wrong at once.
            retry=Retry(NoBackoff(), 1),
            **transport.redis(connection),
        )
        self._facts = retry(self._information, engine=_SERVICE, transient=_is_transient, fix=_FIX)
        self._compare(connection.get("expect") or {})

    def server_version(self) -> str:
        """Return the server's version."""
        return str(self._facts["redis_version"])

    def ledger(self) -> tuple[LedgerEntry, ...]:
        """Return (): there are no migrations."""
        return ()

    def seed(self, seeds: Seeds) -> dict[str, int]:
        """Write a key that expires, read it, remove it: nothing is added."""
        self.probe()
        return {}

    def verify(self) -> dict[str, int]:
        """Probe, and count the keys of every database."""
        self.probe()
        databases = {name: value for name, value in self._facts.items() if name[:2] == "db" and name[2:].isdigit()}
        return {name: int(value["keys"]) for name, value in databases.items()} or {"db0": 0}

    def contents(self) -> dict[str, int]:
        """Count the keys of every database, and the libraries of functions."""
        counts = {name: int(value["keys"]) for name, value in self._client.info("keyspace").items()}
        return {**counts, "functions": len(self._client.function_list())}

    def wipe(self) -> None:
        """Remove the keys of every database, and all functions; the memory is given back in the background."""
        try:
            self._client.flushall(asynchronous=True)
            self._client.function_flush("ASYNC")
        except redis.RedisError as error:
            raise not_wiped(_SERVICE, first_line(error)) from None

    def grant(self, accounts: Accounts) -> None:
        """Set users in the access list; who is connected stays."""
        redis_accounts.grant(self._client, accounts, self._connection)

    def change(self, account: Mapping[str, Any], former: str) -> None:
        """Add a password; the former one lets in as well, until `grant`."""
        redis_accounts.change(self._client, account)

    def close(self) -> None:
        """Close the connection."""
        self._client.close()

    def _information(self) -> Mapping[str, Any]:
        try:
            facts: Mapping[str, Any] = self._client.info()
        except (redis.AuthenticationError, redis.exceptions.NoPermissionError) as error:
            raise Failure(
                "AuthenticationFailed", f"redis: {first_line(error)}", "give it the configured password"
            ) from None
        return facts

    def _compare(self, expected: Mapping[str, Any]) -> None:
        """Compare what the server says it does; INFO tells it without the right to CONFIG."""
        actual = {
            "maxmemory": int(self._facts["maxmemory"]),
            "maxmemory-policy": self._facts["maxmemory_policy"],
            "appendonly": "yes" if int(self._facts["aof_enabled"]) else "no",
        }
        wrong = [
            f"{key} is {actual.get(key)!r}, configured {value!r}"
            for key, value in expected.items()
            if actual.get(key) != value
        ]
        if wrong:
            raise Failure(
                "VerificationFailed", f"redis: {'; '.join(wrong)}", "run pulumi up, which restarts it as configured"
            )

    def probe(self) -> None:
        """Write a key that expires, read it and remove it."""
        key, value = f"ai_karen:probe:{uuid.uuid4().hex}", uuid.uuid4().hex
        pipeline = self._client.pipeline(transaction=True)
        pipeline.set(key, value, ex=_PROBE_LIFETIME_SECONDS)
        pipeline.get(key)
        pipeline.ttl(key)
        pipeline.delete(key)
        try:
            _, found, lifetime, _ = pipeline.execute()
        except redis.RedisError as error:
            raise Failure("VerificationFailed", f"redis: a write was refused: {first_line(error)}", _FIX) from None
        if found != value or not 0 < lifetime <= _PROBE_LIFETIME_SECONDS:
            raise Failure("VerificationFailed", f"redis: a key reads as {found!r}, expires in {lifetime!r} s", _FIX)


def _is_transient(error: Exception) -> bool:
    """Whether a server that is starting, or loading its data, would answer so."""
    return isinstance(error, redis.ConnectionError | redis.TimeoutError) and not isinstance(
        error, redis.AuthenticationError
    )
