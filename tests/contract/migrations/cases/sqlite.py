"""SQLite under the migration contract: it is not shipped, and shows what a new engine takes."""

import hashlib
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from typing import Any

from tests.contract.migrations import case
from tests.contract.migrations.case import Tampering


class Case(case.Case):
    """SQLite: a file of this test."""

    engine = "sqlite"
    failing = "CREATE TABLE half_made (id INTEGER);\nINSERT INTO books VALUES (2, 'half');\nSELECT nothing;\n"
    own = "CREATE TABLE applications (id INTEGER PRIMARY KEY); CREATE INDEX of_its_own ON applications (id)"
    tamperings = (
        Tampering("column added", "ALTER TABLE shelves ADD COLUMN stray TEXT", "column shelves.stray was added"),
        Tampering("index dropped", "DROP INDEX books_title_idx", "index books.books_title_idx was dropped"),
        Tampering("trigger dropped", "DROP TRIGGER shelves_floor", "trigger shelves.shelves_floor was dropped"),
    )

    @property
    def connection(self) -> dict[str, Any]:
        return {"path": str(self.directory / "contract.db")}

    def wipe(self) -> None:
        for path in self.directory.iterdir():
            path.unlink()

    def change(self, change: Any) -> None:
        with closing(sqlite3.connect(self.connection["path"])) as connection:
            connection.executescript(change)

    def forget(self) -> None:
        self.change("DROP TABLE migration_history")

    def fill(self) -> None:
        self.change("INSERT INTO books VALUES (10, 'Title 0'), (11, 'Title 1'), (12, 'Title 2')")

    def data(self) -> Any:
        with closing(sqlite3.connect(self.connection["path"])) as connection:
            return connection.execute("SELECT * FROM books").fetchall()

    def contents(self) -> Mapping[str, Any]:
        """Return what every file is."""
        return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(self.directory.iterdir())}
