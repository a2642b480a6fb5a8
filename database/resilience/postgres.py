"""PostgreSQL's errors, by their SQLSTATE: https://www.postgresql.org/docs/17/errcodes-appendix.html."""

from psycopg import DataError, Error, InterfaceError, OperationalError, ProgrammingError
from psycopg_pool import PoolClosed, PoolTimeout, TooManyRequests

from database import errors
from database.errors import DatabaseError
from database.resilience.kinds import first_line

ENGINE = "postgres"
Kind = tuple[type[DatabaseError], str]
_UP = "see that PostgreSQL is up and reachable: ./karen status"
_LOGIN: Kind = (
    errors.AuthenticationFailed,
    "correct POSTGRES_USER and POSTGRES_PASSWORD, or read a new file: make env",
)
_SMALLER = "send less, or give the column more room in a migration"
_SCHEMA = "correct the name, or apply the migrations: ./karen migrate up postgres"
_POOL: Kind = (errors.PoolExhausted, "hold connections for a shorter time, or raise POSTGRES_POOL_MAX")
_GONE: Kind = (errors.Unavailable, _UP)
_INPUT: Kind = (errors.InvalidInput, "correct the statement or its values")
_RIGHTS: Kind = (errors.PermissionDenied, "use a user who may: docs/accounts.md")
_DOCUMENT: Kind = (errors.BadDocument, "send valid JSON")
# By whole code first, then by its class, the first two characters.
_CODES: dict[str, Kind] = {
    "28000": _LOGIN,
    "28P01": _LOGIN,
    "42501": _RIGHTS,
    "42P01": (errors.MissingObject, _SCHEMA),
    "42703": (errors.MissingObject, _SCHEMA),
    "42704": (errors.MissingObject, _SCHEMA),
    "42883": (errors.MissingObject, _SCHEMA),
    "3D000": (errors.MissingObject, "correct POSTGRES_DB"),
    "3F000": (errors.MissingObject, _SCHEMA),
    "23502": _INPUT,
    "23514": _INPUT,
    "40001": (errors.SerializationFailed, "run the transaction again"),
    "40P01": (errors.SerializationFailed, "run the transaction again"),
    "55P03": (errors.OperationTimeout, "try again when the lock's holder is done"),
    "57014": (errors.OperationTimeout, "make the statement cheaper, or raise POSTGRES_TIMEOUT"),
    "25P03": (errors.OperationTimeout, "end transactions sooner"),
    "53300": (errors.Unavailable, "lower POSTGRES_POOL_MAX, or raise postgresMaxConnections"),
    "22001": (errors.TooLarge, _SMALLER),
    "54000": (errors.TooLarge, _SMALLER),
    "53400": (errors.TooLarge, _SMALLER),
}
_CLASSES: dict[str, Kind] = {
    "08": _GONE,
    "22": _INPUT,
    "23": (errors.Conflict, "read what is there, and decide again"),
    "25": _INPUT,
    "42": _INPUT,
    "0A": _INPUT,
    "53": (errors.Unavailable, "give the server more memory or disk"),
    "54": (errors.TooLarge, _SMALLER),
    "57": _GONE,
    "58": _GONE,
}
# A refused connection has no code, only its text.
_REFUSALS: dict[str, Kind] = {
    "password authentication failed": _LOGIN,
    "no password supplied": _LOGIN,
    "no pg_hba.conf entry": _LOGIN,
    "is not permitted to log in": _LOGIN,
    'role "': _LOGIN,
    "permission denied for database": _RIGHTS,
    'database "': (errors.MissingObject, "correct POSTGRES_DB"),
    "too many clients": _CODES["53300"],
    "remaining connection slots": _CODES["53300"],
}


class NoAnswerError(OperationalError):
    """The server has said nothing for some seconds, and its connection was ended."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"no answer for {seconds:g} s; the connection was ended")


def classify(error: BaseException, operation: str) -> DatabaseError | None:
    """Return what an exception of psycopg means; None for any other."""
    if not isinstance(error, Error):
        return None
    kind, fix = _kind(error)
    return kind(_text(error), ENGINE, operation, fix)


def _kind(error: Error) -> Kind:
    if isinstance(error, PoolTimeout | TooManyRequests):
        return _POOL
    if isinstance(error, NoAnswerError):
        return _CODES["57014"]
    if isinstance(error, PoolClosed):
        return errors.Unavailable, "open the client again"
    if code := error.sqlstate:
        return _by_code(code, str(error))
    if isinstance(error, DataError | ProgrammingError):
        return _INPUT
    if isinstance(error, OperationalError | InterfaceError):
        return next((kind for text, kind in _REFUSALS.items() if text in str(error)), _GONE)
    return DatabaseError, _UP


def _by_code(code: str, text: str) -> Kind:
    if code.startswith("22") and "dimensions" in text:
        return errors.DimensionMismatch, "send vectors of the column's dimensions"
    if code.startswith("2203") or (code == "22P02" and "type json" in text) or "\\u0000" in text:
        return _DOCUMENT
    if code == "0A000" and "cached plan" in text:
        return errors.SerializationFailed, "run it again: a migration has changed the table meanwhile"
    return _CODES.get(code) or _CLASSES.get(code[:2]) or (DatabaseError, "see the server's log: ./karen logs postgres")


def _text(error: Error) -> str:
    # Without the detail, which repeats rows.
    told = error.diag.message_primary
    return first_line(told or error)
