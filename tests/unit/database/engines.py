"""An engine of one's own for what all clients have in common, and a port at which nobody answers."""

import socket
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager

from database.clients.base import CoroutineClient, Result
from database.errors import DatabaseError, Unavailable
from database.settings import ResilienceSettings
from database.sync.base import SyncHandleClient
from database.telemetry import Telemetry

QUICK = ResilienceSettings.of({
    "DATABASE_BREAKER_FAILURES": "3", "DATABASE_BREAKER_SECONDS": "0.05", "DATABASE_RETRY_FIRST_PAUSE": "0.001",
    "DATABASE_PROBE_TIMEOUT": "0.2",
})  # fmt: skip
SECRET = "p@ss word/1"


class GoneError(Exception):
    """What this engine's client raises when its server is away."""


def classify(error: BaseException, operation: str) -> DatabaseError | None:
    return Unavailable(str(error), "postgres", operation, "start it") if isinstance(error, GoneError) else None


class Client(CoroutineClient[int]):
    """An engine that is up or down as one says, and counts what reaches it."""

    engine = "postgres"

    def __init__(self, telemetry: Telemetry | None = None) -> None:
        from pydantic import SecretStr

        super().__init__(classify, secrets=[SecretStr(SECRET)], resilience=QUICK, telemetry=telemetry)
        self.is_up = True
        self.asked = self.called = self.connected = 0

    async def _connect(self) -> None:
        self._check()
        self.connected += 1

    async def _disconnect(self) -> None:
        self.connected -= 1

    async def _ask(self) -> None:
        self.asked += 1
        self._check()

    async def _call(self, function: Callable[[int], Awaitable[Result]]) -> Result:
        self.called += 1
        self._check()
        return await function(self.called)

    def _check(self) -> None:
        if not self.is_up:
            raise GoneError(f"refused {SECRET}")


class SyncClient(SyncHandleClient[int]):
    """The same for threads."""

    engine = "postgres"

    def __init__(self) -> None:
        super().__init__(classify, resilience=QUICK)
        self.is_up = True
        self.asked = self.called = 0

    def _connect(self) -> None:
        self._check()

    def _disconnect(self) -> None:
        return

    def _ask(self) -> None:
        self.asked += 1
        self._check()

    def _call(self, function: Callable[[int], Result]) -> Result:
        self.called += 1
        self._check()
        return function(self.called)

    def _check(self) -> None:
        if not self.is_up:
            raise GoneError("refused")


@contextmanager
def silent_server() -> Iterator[int]:
    """Provide the port of a server that takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0), backlog=100) as server:
        yield int(server.getsockname()[1])


def closed_port() -> int:
    """Return a port at which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])
