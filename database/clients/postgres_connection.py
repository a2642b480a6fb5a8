"""psycopg's connections, which give up a server that says nothing: its own timeouts do not reach a network that is cut."""

from typing import Any, ClassVar

from psycopg import AsyncConnection, Connection, Error
from psycopg.errors import _WaitTimeout

from database.resilience.postgres import NoAnswerError

# Beyond the server's own timeout, which is asked to speak first.
_MARGIN_SECONDS = 1.0
# For the server to take note that nobody waits for an answer any more.
_CANCEL_SECONDS = 1.0


class PatientConnection(AsyncConnection[Any]):
    """A connection that ends itself when an answer takes longer than `patience`, in seconds."""

    patience: ClassVar[float] = 30.0

    @classmethod
    def lasting(cls, seconds: float) -> type[AsyncConnection[Any]]:
        """Return a class of connections that wait so long for each answer."""
        return type(cls.__name__, (cls,), {"patience": seconds + _MARGIN_SECONDS})

    async def wait(self, gen: Any, interval: float = 0.1, timeout: float | None = None) -> Any:
        """Wait for an answer, for psycopg; NoAnswerError if there is none in time."""
        if timeout is not None:
            return await super().wait(gen, interval, timeout)
        try:
            return await super().wait(gen, interval, self.patience)
        except _WaitTimeout:
            # Whatever arrives later would answer another question.
            self.pgconn.finish()
            raise NoAnswerError(self.patience) from None

    async def _try_cancel(self, *, timeout: float = _CANCEL_SECONDS) -> None:
        """Cancel what is under way, for psycopg, when its caller was cancelled; who cannot be told is not waited for."""
        try:
            await self.cancel_safe(timeout=min(timeout, _CANCEL_SECONDS))
        except Error:
            self.pgconn.finish()


class SyncPatientConnection(Connection[Any]):
    """The same for threads."""

    patience: ClassVar[float] = 30.0

    @classmethod
    def lasting(cls, seconds: float) -> type[Connection[Any]]:
        """Return a class of connections that wait so long for each answer."""
        return type(cls.__name__, (cls,), {"patience": seconds + _MARGIN_SECONDS})

    def wait(self, gen: Any, interval: float = 0.1, timeout: float | None = None) -> Any:
        """Wait for an answer, for psycopg; NoAnswerError if there is none in time."""
        if timeout is not None:
            return super().wait(gen, interval, timeout)
        try:
            return super().wait(gen, interval, self.patience)
        except _WaitTimeout:
            # Whatever arrives later would answer another question.
            self.pgconn.finish()
            raise NoAnswerError(self.patience) from None
