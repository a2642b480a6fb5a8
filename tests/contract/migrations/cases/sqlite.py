"""SQLite under the migration contract: it is not shipped, and shows what a new engine takes."""

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from typing import Any, ClassVar

from tests.contract.migrations.case import Tampering
from tests.contract.migrations.cases import duckdb


class Case(duckdb.Case):
    """SQLite: a file of this test as well."""

    engine = "sqlite"
    tamperings: ClassVar[Sequence[Tampering]] = (
        Tampering("column added", "ALTER TABLE shelves ADD COLUMN stray TEXT", "column shelves.stray was added"),
        Tampering("index dropped", "DROP INDEX books_title_idx", "index books.books_title_idx was dropped"),
        Tampering("trigger dropped", "DROP TRIGGER shelves_floor", "trigger shelves.shelves_floor was dropped"),
    )

    def change(self, change: Any) -> None:
        with closing(sqlite3.connect(self.connection["path"])) as connection:
            connection.executescript(change)

    def fill(self) -> None:
        self.change("INSERT INTO books VALUES (10, 'Title 0'), (11, 'Title 1'), (12, 'Title 2')")

    def data(self) -> Any:
        with closing(sqlite3.connect(self.connection["path"])) as connection:
            return connection.execute("SELECT * FROM books").fetchall()
