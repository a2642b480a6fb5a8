"""Writing to a server all the time, and remembering when each row was acknowledged."""

import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field

from init.engines.postgres_connection import Connection
from tests.contract.backup.postgres_servers import Servers

_WRITERS = 4


@dataclass
class Writer:
    """Commits one row after the other, and a change to another table with it; remembers when each was acknowledged."""

    connection: Connection
    first: int
    acknowledged: dict[int, tuple[float, float]] = field(default_factory=dict)
    stop: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        number = self.first
        while not self.stop.is_set():
            sent = time.time()
            with self.connection.transaction():
                self.connection.execute("UPDATE changing SET sum = sum + %s WHERE id = %s", [number, number % 40])
                self.connection.execute("INSERT INTO ledger VALUES (%s, %s)", [number, sent])
            self.acknowledged[number] = (sent, time.time())
            number += _WRITERS


@contextmanager
def writing(servers: Servers) -> Iterator[dict[int, tuple[float, float]]]:
    """Write all the time; the result, whole at the end, has each row's time of sending and of its acknowledgement."""
    acknowledged: dict[int, tuple[float, float]] = {}
    with ExitStack() as kept:
        sessions = [kept.enter_context(servers.session("source")) for _ in range(_WRITERS)]
        row = sessions[0].execute("SELECT coalesce(max(id) + 1, 0) FROM ledger").fetchone()
        assert row is not None
        writers = [Writer(one, row[0] + number) for number, one in enumerate(sessions)]
        threads = [threading.Thread(target=writer.run) for writer in writers]
        for thread in threads:
            thread.start()
        try:
            yield acknowledged
        finally:
            for writer, thread in zip(writers, threads, strict=True):
                writer.stop.set()
                thread.join()
                acknowledged |= writer.acknowledged
