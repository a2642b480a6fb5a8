"""PostgreSQL under the migration contract."""

from collections.abc import Mapping
from typing import Any

from tests.contract.migrations import case
from tests.contract.migrations.case import Tampering


class Case(case.Case):
    """PostgreSQL: its own ledger is where all runners meet."""

    engine = "postgres"
    failing = (
        "CREATE TABLE half_made (id INTEGER);\nINSERT INTO books (id, title) VALUES (2, 'half');\nSELECT nothing;\n"
    )
    own = "CREATE TABLE applications (id INTEGER PRIMARY KEY); CREATE INDEX ON applications (id)"
    tamperings = (
        Tampering("table dropped", "DROP TABLE shelves", "table shelves was dropped"),
        Tampering("table changed", "ALTER TABLE shelves SET UNLOGGED", "table shelves was changed"),
        Tampering(
            "view changed", "CREATE OR REPLACE VIEW recent AS SELECT title FROM books", "view recent was changed"
        ),
        Tampering("column dropped", "ALTER TABLE shelves DROP COLUMN room", "column shelves.room was dropped"),
        Tampering("column retyped", "ALTER TABLE shelves ALTER room TYPE TEXT", "column shelves.room was changed"),
        Tampering("default changed", "ALTER TABLE shelves ALTER room DROP DEFAULT", "column shelves.room was changed"),
        Tampering("null allowed", "ALTER TABLE books ALTER title DROP NOT NULL", "column books.title was changed"),
        Tampering("column added", "ALTER TABLE shelves ADD COLUMN stray TEXT", "column shelves.stray was added"),
        Tampering("index dropped", "DROP INDEX books_title_idx", "index books.books_title_idx was dropped"),
        Tampering(
            "index changed",
            "DROP INDEX books_title_idx; CREATE INDEX books_title_idx ON books (title, year)",
            "index books.books_title_idx was changed",
        ),
        Tampering("index added", "CREATE INDEX stray ON books (year)", "index books.stray was added"),
        Tampering(
            "constraint dropped",
            "ALTER TABLE readers DROP CONSTRAINT readers_name_check",
            "constraint readers.readers_name_check was dropped",
        ),
        Tampering(
            "constraint changed",
            "ALTER TABLE books DROP CONSTRAINT books_reader_id_fkey,"
            " ADD CONSTRAINT books_reader_id_fkey FOREIGN KEY (reader_id) REFERENCES readers ON DELETE CASCADE",
            "constraint books.books_reader_id_fkey was changed",
        ),
        Tampering(
            "constraint added",
            "ALTER TABLE shelves ADD CONSTRAINT stray CHECK (number > 0)",
            "constraint shelves.stray was added",
        ),
        Tampering(
            "trigger added",
            "CREATE TRIGGER stray BEFORE UPDATE ON books FOR EACH ROW"
            " EXECUTE FUNCTION suppress_redundant_updates_trigger()",
            "trigger books.stray was added",
        ),
    )

    @property
    def connection(self) -> dict[str, Any]:
        return self.coordination

    def wipe(self) -> None:
        """Leave it at what is done for every engine."""

    def change(self, change: Any) -> None:
        with self.postgres() as connection:
            connection.execute(change)

    def forget(self) -> None:
        with self.postgres() as connection:
            connection.execute("DROP TABLE migration_history, migration_schema")

    def fill(self) -> None:
        self.change("INSERT INTO books (id, title) SELECT 10 + n, 'Title ' || n FROM generate_series(1, 3) AS n")

    def data(self) -> Any:
        with self.postgres() as connection:
            return connection.execute("SELECT * FROM books").fetchall()

    def contents(self) -> Mapping[str, Any]:
        return {}
