"""The lock of a migration run: one advisory lock per engine, all of them in PostgreSQL.

It is asked for again and again instead of waited for in the server: a session that waits there holds a snapshot, for which
CREATE INDEX CONCURRENTLY waits in turn.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import psycopg
from tenacity import RetryError, Retrying, retry_if_result, stop_after_delay, wait_random

from init.engines import NAMES
from init.engines.base import log
from init.engines.postgres_connection import Connection
from init.protocol import Failure

# The first half of the key is this project's ("kare" in ASCII); the second is the engine's number.
SPACE = 0x6B617265
WAIT_SECONDS = 60.0
_PAUSE = wait_random(0.1, 0.3)
_HELD = """
    SELECT FROM pg_locks WHERE locktype = 'advisory' AND granted AND pid = pg_backend_pid()
        AND classid = %s AND objid = %s"""
_HOLDER = """
    SELECT format('%%s, process %%s, connected since %%s', application_name, pid, date_trunc('second', backend_start))
    FROM pg_locks JOIN pg_stat_activity USING (pid)
    WHERE locktype = 'advisory' AND granted AND classid = %s AND objid = %s"""


class Lock:
    """One engine's lock, held by a connection and gone with it."""

    def __init__(self, connection: Connection, engine: str) -> None:
        self._connection = connection
        self._engine = engine
        self._key = (SPACE, NAMES.index(engine) + 1)

    @contextmanager
    def held(self, seconds: float = WAIT_SECONDS) -> Iterator[None]:
        """Hold the lock; Locked names who has it after `seconds` of waiting."""
        self._acquire(seconds)
        try:
            yield
        finally:
            with suppress(psycopg.Error):
                self._connection.execute("SELECT pg_advisory_unlock(%s, %s)", self._key)

    def check(self) -> None:
        """Return while the lock is held; LockLost once its connection is gone."""
        try:
            if self._connection.execute(_HELD, self._key).fetchone() is not None:
                return
        except psycopg.OperationalError:
            pass
        raise Failure(
            "LockLost",
            f"{self._engine}: the connection that held the migration lock is gone; nothing more was written",
            "run the same command again: it goes on where this one stopped",
        )

    def _acquire(self, seconds: float) -> None:
        if self._try():
            return
        log(self._engine, f"waiting up to {seconds:.0f} s for the migration lock, held by {self._holder()}")
        started = time.monotonic()
        waiting = Retrying(retry=retry_if_result(lambda got: not got), stop=stop_after_delay(seconds), wait=_PAUSE)
        try:
            waiting(self._try)
        except RetryError:
            raise Failure(
                "Locked",
                f"{self._engine}: its migrations are locked by {self._holder()}, after {seconds:.0f} s of waiting",
                "wait for that run to end, or end it, and run the same command again",
            ) from None
        log(self._engine, f"got the migration lock after {time.monotonic() - started:.1f} s")

    def _try(self) -> bool:
        row = self._connection.execute("SELECT pg_try_advisory_lock(%s, %s)", self._key).fetchone()
        return bool(row and row[0])

    def _holder(self) -> str:
        row = self._connection.execute(_HOLDER, self._key).fetchone()
        return str(row[0]) if row else "nobody any more"
