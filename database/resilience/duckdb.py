"""DuckDB's errors, by its exceptions' classes."""

import duckdb

from database import errors
from database.errors import DatabaseError
from database.resilience.kinds import first_line

ENGINE = "duckdb"
Kind = tuple[type[DatabaseError], str]
_MISSING: Kind = (errors.MissingObject, "correct the name, or apply the migrations: ./karen migrate up duckdb")
_INPUT: Kind = (errors.InvalidInput, "correct the statement or its values")
# In this order: some are kinds of others.
_CLASSES: tuple[tuple[type[Exception], Kind], ...] = (
    (duckdb.CatalogException, _MISSING),
    (duckdb.ConstraintException, (errors.Conflict, "read what is there, and decide again")),
    (duckdb.TransactionException, (errors.SerializationFailed, "run the transaction again")),
    (duckdb.InterruptException, (errors.OperationTimeout, "make the statement cheaper, or raise DUCKDB_TIMEOUT")),
    (duckdb.OutOfMemoryException, (errors.TooLarge, "ask for less at once, or raise DUCKDB_MEMORY_LIMIT")),
    (duckdb.OutOfRangeException, (errors.TooLarge, "give a value that the column's type holds")),
    (duckdb.PermissionException, (errors.PermissionDenied, "give the process the right to the file")),
    (duckdb.IOException, (errors.Unavailable, "see that the file can be opened: ./karen health duckdb")),
    (duckdb.FatalException, (errors.Unavailable, "see that the file is whole: ./karen health duckdb")),
    (duckdb.InternalException, (DatabaseError, "report it to DuckDB")),
)


def classify(error: BaseException, operation: str) -> DatabaseError | None:
    """Return what an exception of DuckDB means; None for any other."""
    if not isinstance(error, duckdb.Error):
        return None
    kind, fix = _kind(error)
    return kind(first_line(error), ENGINE, operation, fix)


def _kind(error: duckdb.Error) -> Kind:
    text = str(error)
    if "malformed json" in text.lower():
        return errors.BadDocument, "send valid JSON"
    if isinstance(error, duckdb.ConstraintException) and "NOT NULL" in text:
        return _INPUT
    if isinstance(error, duckdb.IOException) and "lock" in text:
        # Somebody opened it without the lease.
        return errors.FileInUse, "close it in the process that the message names"
    if isinstance(error, duckdb.IOException) and "does not exist" in text:
        return errors.MissingObject, "correct DUCKDB_PATH, or make the file: pulumi up"
    return next((kind for one, kind in _CLASSES if isinstance(error, one)), _INPUT)
