"""DuckDB under the migration contract."""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import duckdb

from tests.contract.migrations import case
from tests.contract.migrations.case import Tampering


class Case(case.Case):
    """DuckDB: a file of this test."""

    engine = "duckdb"
    failing = "CREATE TABLE half_made (id INTEGER);\nINSERT INTO books VALUES (2, 'half');\nSELECT nothing;\n"
    own = "CREATE TABLE applications (id INTEGER PRIMARY KEY); CREATE INDEX of_its_own ON applications (id)"
    tamperings: ClassVar[Sequence[Tampering]] = (
        Tampering("table dropped", "DROP TABLE shelves", "table shelves was dropped"),
        Tampering("table changed", "COMMENT ON TABLE shelves IS 'Changed'", "table shelves was changed"),
        Tampering("view changed", "CREATE OR REPLACE VIEW rooms AS SELECT room FROM shelves", "view rooms was changed"),
        Tampering("column dropped", "ALTER TABLE shelves DROP COLUMN room", "column shelves.room was dropped"),
        Tampering("column retyped", "ALTER TABLE shelves ALTER floor TYPE BIGINT", "column shelves.floor was changed"),
        Tampering("default changed", "ALTER TABLE shelves ALTER room DROP DEFAULT", "column shelves.room was changed"),
        Tampering("null allowed", "ALTER TABLE shelves ALTER floor DROP NOT NULL", "column shelves.floor was changed"),
        Tampering("column added", "ALTER TABLE shelves ADD COLUMN stray VARCHAR", "column shelves.stray was added"),
        Tampering("index dropped", "DROP INDEX books_title_idx", "index books.books_title_idx was dropped"),
        Tampering("index added", "CREATE INDEX stray ON shelves (room)", "index shelves.stray was added"),
        Tampering(
            "index changed",
            "DROP INDEX books_title_idx; CREATE INDEX books_title_idx ON books (id)",
            "index books.books_title_idx was changed",
        ),
        Tampering(
            "constraint dropped",
            "CREATE OR REPLACE TABLE shelves (number INTEGER, floor INTEGER NOT NULL, room VARCHAR DEFAULT 'hall')",
            "constraint shelves.CHECK((number > 0)) was dropped",
        ),
        Tampering("sequence changed", "CREATE OR REPLACE SEQUENCE numbers INCREMENT 7", "sequence numbers was changed"),
    )

    @property
    def connection(self) -> dict[str, Any]:
        return {"path": str(self.directory / "contract.db")}

    def wipe(self) -> None:
        for path in self.directory.iterdir():
            path.unlink()

    def change(self, change: Any) -> None:
        with duckdb.connect(self.connection["path"]) as connection:
            connection.execute(change)

    def forget(self) -> None:
        self.change("DROP TABLE migration_history")

    def fill(self) -> None:
        self.change("INSERT INTO books SELECT 10 + n, 'Title ' || n FROM range(3) AS numbers(n)")

    def data(self) -> Any:
        with duckdb.connect(self.connection["path"]) as connection:
            return connection.execute("SELECT * FROM books").fetchall()

    def contents(self) -> Mapping[str, Any]:
        """Return what every file is, but for the lease, which says who was last."""
        files = sorted(path for path in self.directory.iterdir() if path.suffix != ".lease")
        return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in files}
