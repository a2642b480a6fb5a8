"""Every service's health, written into PostgreSQL's `service_health`, where applications look; a thread of its own does it."""

import json
import threading
from collections.abc import Mapping
from contextlib import suppress
from queue import Empty, Full, Queue
from typing import Any

import psycopg

from init.engines.postgres_connection import Connection, connect
from init.protocol import Failure
from monitor.causes import Cause
from monitor.model import MAINTENANCE, Observation

# A network that is cut in the middle of a statement tells nobody: without these, the thread would wait for a quarter of an hour.
LIMITS = {"tcp_user_timeout": 10_000, "keepalives_idle": 3, "keepalives_interval": 2, "keepalives_count": 3}
# What else is in a row, such as counts and versions, is the verification's.
_RECORD = """
    INSERT INTO service_health AS kept (service_name, status, last_check, metadata)
    SELECT key, value->>'status', now(), value->'metadata' FROM jsonb_each(%s::jsonb)
    ON CONFLICT (service_name) DO UPDATE
    SET status = EXCLUDED.status, last_check = EXCLUDED.last_check,
        metadata = coalesce(kept.metadata, '{}') || EXCLUDED.metadata"""


def rows(observed: Mapping[str, Observation], found: Mapping[str, Cause]) -> dict[str, Any]:
    """Return status and metadata by service: `degraded` is what fails because of another; what was not asked stays as it is."""
    result = {}
    for name, one in observed.items():
        if one.answer.status == MAINTENANCE:
            continue
        cause = found.get(name)
        status = "healthy" if cause is None else "unhealthy" if cause.own else "degraded"
        metadata = {
            "check": one.answer.status,
            "latency": one.answer.latency,
            "cause": cause.root if cause else None,
            "error": cause.summary if cause else None,
        }
        result[name] = {"status": status, "metadata": metadata}
    return result


class Record:
    """Writes what it is given last; while PostgreSQL does not answer, nothing is kept for later."""

    def __init__(self, connection: Mapping[str, Any]) -> None:
        self._where = connection
        self._connection: Connection | None = None
        self._next: Queue[str] = Queue(maxsize=1)
        threading.Thread(target=self._run, name="record", daemon=True).start()

    def put(self, health: Mapping[str, Any]) -> None:
        """Have this written instead of what still waits."""
        with suppress(Empty):
            self._next.get_nowait()
        with suppress(Full):
            self._next.put_nowait(json.dumps(dict(health)))

    def _run(self) -> None:
        while True:
            health = self._next.get()
            try:
                if self._connection is None:
                    self._connection = connect(self._where, application="ai-karen monitor", limits=LIMITS)
                self._connection.execute(_RECORD.encode(), [health])
            except psycopg.errors.UndefinedTable:
                # Migrations are pinned to a version without it.
                continue
            except (psycopg.Error, Failure):
                if self._connection is not None:
                    with suppress(psycopg.Error):
                        self._connection.close()
                self._connection = None
