"""The small stack on which the page about disasters is tried."""

import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import docker
import psycopg

from tests.e2e import clients
from tests.e2e.backups.samples import document
from tests.e2e.live import LiveStack
from tests.e2e.pages import Section


@dataclass
class Small:
    """A stack with PostgreSQL, Redis and DuckDB; `variables` are what a reader of the page has set."""

    live: LiveStack
    engine: docker.DockerClient
    variables: dict[str, str]
    acknowledged: dict[int, float] = field(default_factory=dict)
    _writer: threading.Thread | None = None

    def do(self, situation: Section, *, codes: Iterable[int] = (0,), **more: str) -> str:
        """Run the next block of a situation, with more variables."""
        return situation.run({**self.variables, **more}, codes=codes)

    def sql(self, statement: str) -> list[object]:
        """Return the first column of what PostgreSQL answers its administrator."""
        with clients.postgres(self.live.administrators()) as connection:
            cursor = connection.execute(statement.encode())
            return [row[0] for row in cursor.fetchall()] if cursor.description else []

    def rows(self) -> list[object]:
        """Return the rows that were committed."""
        return self.sql("SELECT number FROM written ORDER BY number")

    def keep_writing(self) -> dict[int, float]:
        """Commit a row each second from now on, until PostgreSQL is killed; return when each was acknowledged (Unix seconds)."""
        if self._writer is None:
            env = self.live.variables()
            self._writer = threading.Thread(target=self._write, args=(env,), daemon=True)
            self._writer.start()
        return self.acknowledged

    def _write(self, env: Mapping[str, str]) -> None:
        try:
            with clients.postgres(env) as connection:
                for number in range(1000, 10000):
                    connection.execute("INSERT INTO written (number) VALUES (%s)", [number])
                    self.acknowledged[number] = time.time()
                    time.sleep(1)
        except psycopg.OperationalError:
            return

    def stop_writing(self) -> None:
        """Return when the writer has noticed that the server is gone."""
        assert self._writer is not None
        self._writer.join(timeout=30)
        assert not self._writer.is_alive()

    def archived(self, moment: float, *, within: float) -> None:
        """Wait until all that was committed at a moment (Unix seconds) is on the target."""
        self._until(lambda status: status["archive"]["complete_to"] >= moment, within)

    def settled(self, *, within: float = 60) -> None:
        """Wait until the service has made the set with which PostgreSQL's log begins: another would be made meanwhile."""

        def settled(status: Mapping[str, Any]) -> bool:
            began = status["archive"]["chain_began"]
            return bool(status["good"]) and not status["running"] and status["based"] >= began > 0

        self._until(settled, within)

    def _until(self, wanted: Callable[[Mapping[str, Any]], bool], within: float) -> None:
        deadline = time.monotonic() + within
        while not wanted(status := document(self.live, "backup", "schedule", "show")["status"]):
            assert time.monotonic() < deadline, f"not within {within} s: {status}"
            time.sleep(0.5)
