"""What the contract has to know of an engine beside its driver."""

import time
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from init.engines.postgres_connection import Connection, connect
from init.migrations import Migration, load
from init.runner.run import Run
from tests.contract.containers import Contract
from tests.contract.servers import PASSWORD

_DEADLINE_SECONDS = 30
_ASLEEP = "SELECT FROM pg_stat_activity WHERE wait_event = 'PgSleep'"
CREDENTIALS = {"port": 5432, "user": "karen", "password": PASSWORD, "database": "karen"}
DATA = Path(__file__).parent / "data"


@dataclass(frozen=True)
class Tampering:
    """One change by hand, for the engine's `change`, and how the sentences begin that must name it, and nothing else."""

    name: str
    change: Any
    sentence: str
    # What goes with it and is an object of its own.
    also: Sequence[str] = ()


class Case(ABC):
    """One engine: how to reach it, to empty it, and to change it behind the runner's back."""

    engine: ClassVar[str]
    # What runs beside PostgreSQL, where all runners meet.
    services: ClassVar[Sequence[str]] = ()
    # A migration that does something and then fails.
    failing: ClassVar[str]
    # What an application adds beside ours, for `change`.
    own: ClassVar[Any]
    # Of the schema as the migrations up to 003 leave it.
    tamperings: ClassVar[Sequence[Tampering]]

    def __init__(self, contract: Contract, directory: Path) -> None:
        self.contract = contract
        self.directory = directory

    @property
    @abstractmethod
    def connection(self) -> dict[str, Any]:
        """Return what the driver connects with."""

    @abstractmethod
    def wipe(self) -> None:
        """Bring the engine back to how it was found empty."""

    @abstractmethod
    def change(self, change: Any) -> None:
        """Do one change by hand."""

    @abstractmethod
    def forget(self) -> None:
        """Remove the engine's own ledger, and leave what the migrations made."""

    @abstractmethod
    def contents(self) -> Mapping[str, Any]:
        """Return all that the engine holds, ledger and data, by name."""

    @abstractmethod
    def fill(self) -> None:
        """Store something in the objects of 001."""

    @abstractmethod
    def data(self) -> Any:
        """Return what an application has stored in the objects of 001."""

    @property
    def coordination(self) -> dict[str, Any]:
        """Return what PostgreSQL is reached with."""
        return {**CREDENTIALS, "host": self.contract.address("postgres")}

    def files(self) -> tuple[Migration, ...]:
        """Return the migrations of the contract."""
        return load(DATA / self.engine)

    @contextmanager
    def run(self, files: Sequence[Migration] | None = None, **options: Any) -> Iterator[Run]:
        """Provide a run with the given files, those of the contract by default."""
        files = self.files() if files is None else files
        with Run.connected(self.engine, self.connection, self.coordination, files, **options) as run:
            yield run

    @contextmanager
    def postgres(self) -> Iterator[Connection]:
        """Provide a connection of a test's own to PostgreSQL."""
        with connect(self.coordination, application="test") as connection:
            yield connection

    def asleep(self) -> None:
        """Wait until a runner's statement sleeps in PostgreSQL."""
        deadline = time.monotonic() + _DEADLINE_SECONDS
        with self.postgres() as connection:
            while connection.execute(_ASLEEP).fetchone() is None:
                assert time.monotonic() < deadline, "nobody sleeps"

    def inventory(self) -> dict[str, Any]:
        """Return all that the engine and the shared tables hold."""
        return {"postgres": self._tables(), **self.contents()}

    def wipe_everything(self) -> None:
        """Empty the engine and PostgreSQL, and end what runs there."""
        with self.postgres() as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'"
            )
            connection.execute("DROP SCHEMA IF EXISTS public, app CASCADE")
            connection.execute("CREATE SCHEMA public")
        self.wipe()

    def _tables(self) -> dict[str, Any]:
        """Return the rows of every table of PostgreSQL, each with the transaction that wrote it."""
        with self.postgres() as connection:
            names = connection.execute(
                "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' ORDER BY 1"
            ).fetchall()
            return {
                name: connection.execute(
                    f"SELECT xmin::text, row::text FROM {name} AS row ORDER BY 2".encode()
                ).fetchall()
                for (name,) in names
            }
