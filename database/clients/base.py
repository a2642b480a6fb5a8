"""What every client does: opening when it is first asked, trying again, leaving alone, closing, telling how it is."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from time import perf_counter
from typing import ClassVar, Generic, Self, TypeVar

from pydantic import SecretStr

from database.clients.outcome import Outcome
from database.errors import DatabaseError
from database.health import EngineHealth
from database.resilience import retry
from database.resilience.kinds import Classify
from database.settings.resilience import ResilienceSettings
from database.telemetry import Telemetry

Result = TypeVar("Result")
# What a function given to `run` gets: the engine's own client, or a connection.
Handle = TypeVar("Handle")
Call = Callable[[], Awaitable[Result]]
# How long closing waits for what is under way.
GRACE_SECONDS = 10.0


class EngineClient(ABC):
    """One engine, for the coroutines of one event loop. A subclass says how to connect, and how to ask for a sign of life."""

    engine: ClassVar[str]

    def __init__(
        self,
        classify: Classify,
        *,
        secrets: Sequence[SecretStr | None] = (),
        resilience: ResilienceSettings | None = None,
        telemetry: Telemetry | None = None,
    ) -> None:
        self._resilience = resilience or ResilienceSettings()
        self._telemetry = telemetry or Telemetry()
        self._outcome = Outcome(
            self.engine, classify, secrets=secrets, resilience=self._resilience, telemetry=self._telemetry
        )
        self._breaker = self._outcome.breaker
        self._opening = asyncio.Lock()
        self._is_open = False
        # How many are closing it: one after the other.
        self._closing = 0
        self._under_way = 0
        self._idle = asyncio.Event()
        self._idle.set()

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def open(self) -> None:
        """Connect now rather than at the first call; a DatabaseError says what keeps it from connecting."""
        try:
            await self._open()
        except Exception as caught:  # noqa: BLE001 - raised again by its name
            error = self._outcome.named(caught, "open")
            raise error from error.__cause__

    async def close(self) -> None:
        """Let what is under way end, for some seconds, and give every connection back; a call after that opens it again."""
        # Before the lock: who comes while another still connects would wait behind this for it, and this for that one.
        self._closing += 1
        try:
            async with self._opening:
                if not self._is_open:
                    return
                self._is_open = False
                with suppress(TimeoutError):
                    async with asyncio.timeout(GRACE_SECONDS):
                        await self._idle.wait()
                await self._disconnect()
        finally:
            self._closing -= 1
        self._telemetry.closed(self.engine)

    async def health(self) -> EngineHealth:
        """Ask the engine something, past breaker and retries, and tell how it is; raises nothing."""
        began = perf_counter()
        try:
            async with asyncio.timeout(self._resilience.probe_timeout):
                await self._open()
                await self._ask()
        except Exception as caught:  # noqa: BLE001 - whatever it is, the engine cannot be used
            return self._outcome.unhealthy(caught, self.pool())
        return self._outcome.healthy(perf_counter() - began, self.pool())

    def pool(self) -> Mapping[str, int]:
        """Return how the pool of connections is used, as far as it tells: maximum, in_use, waiting."""
        return {}

    @abstractmethod
    async def _connect(self) -> None:
        """Connect; what fails leaves nothing open."""

    @abstractmethod
    async def _disconnect(self) -> None:
        """Give everything back."""

    @abstractmethod
    async def _ask(self) -> None:
        """Ask the engine whether it is there, with its credentials."""

    async def _recover(self) -> None:
        """Make connections work again after the engine was away; by default they do by themselves."""
        return

    async def _repair(self, caught: BaseException) -> bool:
        """Remove the cause of an error by which nothing was done; return whether it is gone."""
        return False

    async def _execute(self, operation: str, call: Call[Result], *, repeatable: bool) -> Result:
        """Return what a call returns, as `run` promises it; before something has failed, this is all that it costs."""
        breaker, finish = self._breaker, self._telemetry.started(self.engine, operation)
        self._begin()
        try:
            try:
                if breaker.troubled:
                    await self._admit(operation)
                if not self._is_open:
                    await self._open()
                result = await call()
            except Exception as caught:  # noqa: BLE001 - raised again by its name
                result = await self._again(operation, call, repeatable, caught)
            else:
                if breaker.troubled:
                    breaker.succeeded()
        except BaseException as error:
            finish(error)
            raise
        finally:
            self._end()
        finish(None)
        return result

    def _begin(self) -> None:
        self._under_way += 1
        self._idle.clear()

    def _end(self) -> None:
        self._under_way -= 1
        if not self._under_way:
            self._idle.set()

    async def _again(self, operation: str, call: Call[Result], repeatable: bool, caught: Exception) -> Result:
        """Go on after the first failure: raise it by its name, or try again."""
        if await self._repair(caught):
            return await self._once(operation, call)
        pending: DatabaseError | None = self._outcome.counted(caught, operation)
        assert pending is not None
        if not (repeatable and pending.transient):
            raise pending

        async def attempt() -> Result:
            nonlocal pending
            if pending is not None:
                first, pending = pending, None
                raise first
            return await self._once(operation, call)

        return await retry.asynchronous(self._resilience, self._telemetry)(attempt)

    async def _once(self, operation: str, call: Call[Result]) -> Result:
        try:
            await self._admit(operation)
            await self._open()
            result = await self._attempt(call)
        except Exception as caught:  # noqa: BLE001 - raised again by its name
            error = self._outcome.counted(caught, operation)
            raise error from error.__cause__
        if self._breaker.troubled:
            self._breaker.succeeded()
        return result

    async def _attempt(self, call: Call[Result]) -> Result:
        try:
            return await call()
        except Exception as caught:
            if not await self._repair(caught):
                raise
            return await call()

    async def _admit(self, operation: str) -> None:
        """Pass, find out for everybody whether the engine is back, or raise CircuitOpen."""
        if not self._breaker.admit(operation):
            return
        is_back: bool | None = None
        try:
            async with asyncio.timeout(self._resilience.probe_timeout):
                if self._is_open:
                    await self._recover()
                await self._open()
                await self._ask()
            is_back = True
        except Exception as caught:  # noqa: BLE001 - raised again by its name
            is_back = False
            raise self._breaker.open(operation) from self._outcome.error(caught, operation)
        finally:
            self._breaker.found_out(is_back=is_back)

    async def _open(self) -> None:
        if self._is_open:
            return
        if self._closing:
            raise self._outcome.closing()
        async with self._opening:
            # Somebody else may have opened it meanwhile.
            if not self._is_open:
                began = perf_counter()
                await self._connect()
                self._is_open = True
                self._telemetry.opened(self.engine, perf_counter() - began)


class CoroutineClient(EngineClient, Generic[Handle]):
    """An engine whose own client speaks asyncio."""

    async def run(
        self, operation: str, function: Callable[[Handle], Awaitable[Result]], *, repeatable: bool = False
    ) -> Result:
        """Return what a coroutine function returns that is given the engine's client; a DatabaseError names `operation`.

        Only what is `repeatable` is tried again after an error that may be gone a moment later. What is no error of the
        engine passes as it is.
        """
        return await self._execute(operation, lambda: self._call(function), repeatable=repeatable)

    @abstractmethod
    def _call(self, function: Callable[[Handle], Awaitable[Result]]) -> Awaitable[Result]:
        """Call a function with the engine's client, or with a connection."""
