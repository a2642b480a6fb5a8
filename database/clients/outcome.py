"""What clients of both kinds, for coroutines and for threads, do with a failure: name it, count it, keep secrets out of it."""

import socket
import ssl
from collections.abc import Mapping, Sequence
from urllib.parse import quote

from pydantic import SecretStr

from database.errors import (
    CircuitOpen,
    Closing,
    ConfigurationInvalid,
    DatabaseError,
    FileInUse,
    OperationTimeout,
    PoolExhausted,
    Unavailable,
)
from database.health import EngineHealth
from database.resilience.breaker import Breaker
from database.resilience.kinds import Classify, PoolFullError, first_line
from database.settings.resilience import ResilienceSettings
from database.telemetry import Telemetry

_HIDDEN = "***"


class Outcome:
    """One engine's failures: its breaker, and the words for what went wrong."""

    def __init__(
        self,
        engine: str,
        classify: Classify,
        *,
        secrets: Sequence[SecretStr | None],
        resilience: ResilienceSettings,
        telemetry: Telemetry,
    ) -> None:
        self._engine = engine
        self._classify = classify
        self._slow = resilience.slow_health
        plain = [secret.get_secret_value() for secret in secrets if secret]
        self._secrets = sorted({form for one in plain for form in (one, quote(one, safe=""))}, key=len, reverse=True)
        self.breaker = Breaker(
            engine,
            failures=resilience.breaker_failures,
            seconds=resilience.breaker_seconds,
            told=lambda state: telemetry.breaker(engine, state),
        )

    def error(self, caught: BaseException, operation: str) -> DatabaseError | None:
        """Return what an exception means, without secrets; None for one that is not the engine's."""
        if isinstance(caught, DatabaseError):
            return caught
        if isinstance(caught, PoolFullError):
            fix = f"do less at once, or raise {caught.setting}"
            return PoolExhausted(first_line(caught), self._engine, operation, fix)
        found = self._classify(caught, operation) or self._of_sockets(caught, operation)
        if found is None:
            return None
        found.message = self.clean(found.message)
        found.args = (found.message, *found.args[1:])
        # Whoever prints the error prints its cause as well.
        found.__cause__ = caught if self.clean(repr(caught)) == repr(caught) else None
        found.__suppress_context__ = True
        return found

    def named(self, caught: Exception, operation: str) -> DatabaseError:
        """Return an exception by its name; one that is not the engine's is raised as it is."""
        error = self.error(caught, operation)
        if error is None:
            raise caught
        return error

    def counted(self, caught: Exception, operation: str) -> DatabaseError:
        """Return the same, and tell the breaker."""
        error = self.named(caught, operation)
        self.count(error)
        return error

    def healthy(self, seconds: float, pool: Mapping[str, int]) -> EngineHealth:
        """Return the report on an engine that has answered: degraded if it was slow, or if somebody waits for a connection."""
        is_slow = seconds > self._slow or pool.get("waiting", 0) > 0
        return EngineHealth(
            engine=self._engine,
            status="degraded" if is_slow else "ok",
            latency=round(seconds * 1000, 2),
            pool=pool,
            breaker=self.breaker.state,
        )

    def unhealthy(self, caught: BaseException, pool: Mapping[str, int]) -> EngineHealth:
        """Return the report on an engine that has not."""
        told = self.error(caught, "health") or f"{type(caught).__name__}: {self.clean(first_line(caught))}"
        return EngineHealth(engine=self._engine, status="down", pool=pool, breaker=self.breaker.state, error=str(told))

    def closing(self) -> Closing:
        """Return the error of one who comes while the client is being closed."""
        return Closing("it is being closed", self._engine, "open", "close it last, or try again when it is closed")

    def count(self, error: DatabaseError) -> None:
        """Tell the breaker how the engine has answered, if it was asked at all."""
        if isinstance(error, CircuitOpen | Closing | PoolExhausted | FileInUse) or error.engine != self._engine:
            return
        if isinstance(error, Unavailable | OperationTimeout):
            self.breaker.failed()
        elif self.breaker.troubled:
            self.breaker.succeeded()

    def _of_sockets(self, caught: BaseException, operation: str) -> DatabaseError | None:
        if isinstance(caught, TimeoutError):
            return OperationTimeout(
                "no answer in time", self._engine, operation, "ask for less at once, or raise the timeout"
            )
        if isinstance(caught, ssl.SSLError):
            # The libraries have names of their own for a server that is not trusted: this is what it is verified with.
            fix = "see that KAREN_CA_CERTIFICATE names a certificate: docs/tls.md"
            return ConfigurationInvalid(first_line(caught), self._engine, operation, fix)
        if isinstance(caught, ConnectionError | socket.gaierror):
            return Unavailable(
                first_line(caught), self._engine, operation, f"see that {self._engine} is up: ./karen status"
            )
        return None

    def clean(self, text: str) -> str:
        """Return a text without any secret of this engine."""
        for secret in self._secrets:
            text = text.replace(secret, _HIDDEN)
        return text
