"""One engine's run: what every migration command needs, and what it leaves behind."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, Protocol, cast

import psycopg

from init.engines import load
from init.engines.base import Engine
from init.engines.postgres_connection import Connection, connect
from init.migrations import LedgerEntry, Migration, Plan, compare
from init.protocol import Failure
from init.runner.coordinator import Coordinator
from init.runner.drift import advanced
from init.runner.lock import WAIT_SECONDS, Lock
from init.runner.name import runner_name

# The engine whose own connection is also the coordinator's: what ends one ends the other.
COORDINATING = "postgres"


class Coordinating(Engine, Protocol):
    """The driver of that engine."""

    connection: Connection


@dataclass
class Run:
    """An engine, connected, with the files that describe it and the lock that keeps other runners out."""

    engine: str
    driver: Engine
    coordinator: Coordinator
    migrations: Sequence[Migration]
    runner: str = field(default_factory=runner_name)
    lock_seconds: float = WAIT_SECONDS
    # The ledger that somebody has agreed to change; None is any.
    shown: Sequence[LedgerEntry] | None = None
    _lock: Lock = field(init=False)

    def __post_init__(self) -> None:
        self._lock = Lock(self.coordinator.connection, self.engine)

    @classmethod
    @contextmanager
    def connected(
        cls,
        engine: str,
        connection: Mapping[str, Any],
        coordination: Mapping[str, Any],
        migrations: Sequence[Migration],
        **options: Any,
    ) -> Iterator["Run"]:
        """Connect to the engine, and to PostgreSQL (`coordination`) for the lock and the shared tables."""
        driver = load(engine)
        runner = options.setdefault("runner", runner_name())
        driver.connect({**connection, "runner": runner})
        try:
            if engine == COORDINATING:
                yield cls(engine, driver, Coordinator(cast(Coordinating, driver).connection), migrations, **options)
                return
            coordinator = Coordinator(connect(coordination, application=f"ai-karen {runner}"))
            try:
                yield cls(engine, driver, coordinator, migrations, **options)
            finally:
                coordinator.close()
        finally:
            driver.close()

    def guard(self) -> None:
        """Return while this run may write; LockLost otherwise."""
        self._lock.check()

    def plan(self, target: str | None = None) -> Plan:
        """Compare the engine's ledger with the files."""
        return compare(self.engine, self.driver.ledger(), self.migrations, target=target)

    def checked_plan(self, target: str | None = None) -> Plan:
        """Return a plan without problems; ChecksumMismatch or another failure names each of them."""
        plan = self.plan(target)
        if plan.problems:
            kind = "ChecksumMismatch" if any(p.kind == "edited" for p in plan.problems) else "MigrationsRefused"
            raise Failure(kind, "; ".join(map(str, plan.problems)), "as said for each of them")
        return plan

    def settled(self) -> bool:
        """Whether the shared tables tell what the engine's own ledger tells."""
        ledger = self.driver.ledger()
        mirrored = self.engine == COORDINATING or self.coordinator.history(self.engine) == ledger
        return mirrored and self.coordinator.expected(self.engine, ledger) is not None

    @contextmanager
    def locked(self, *, accept: bool = False) -> Iterator[None]:
        """Hold the lock; afterwards the shared tables tell what was done, also when not all of it could be.

        How the schema should look moves on by what this run changed: what was changed by hand before stays a
        difference, unless the run accepts everything as it is.
        """
        self.coordinator.prepare()
        with self._lock.held(self.lock_seconds):
            before_ledger, before = self.driver.ledger(), self.driver.objects()
            if self.shown is not None and tuple(self.shown) != before_ledger:
                raise Failure(
                    "MigrationsRefused",
                    f"{self.engine}: its ledger is not as it was shown: another runner has changed it; nothing was changed",
                    "run the same command again",
                )
            expected = self.coordinator.expected(self.engine, before_ledger)
            try:
                yield
            except Failure as failure:
                # Without its connections there is nothing left to tell; the next run does.
                if failure.kind == "MigrationFailed":
                    with suppress(Failure, psycopg.Error):
                        self._settle(expected, before, accept=False)
                raise
            self._settle(expected, before, accept=accept)

    def _settle(self, expected: Mapping[str, str] | None, before: Mapping[str, str], *, accept: bool) -> None:
        self.guard()
        ledger, now = self.driver.ledger(), self.driver.objects()
        objects = now if accept or expected is None else advanced(expected, before, now)
        if self.engine != COORDINATING:
            self.coordinator.mirror(self.engine, ledger)
        self.coordinator.record(self.engine, ledger, objects)
