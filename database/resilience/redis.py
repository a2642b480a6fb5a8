"""Redis' errors, by the client's classes and the server's first word."""

from redis import exceptions

from database import errors
from database.errors import DatabaseError
from database.resilience.kinds import first_line

ENGINE = "redis"
Kind = tuple[type[DatabaseError], str]
_UP = "see that Redis is up and reachable: ./karen status"
_FULL: Kind = (DatabaseError, "raise redisMemory, or choose another redisEvictionPolicy")
_INPUT: Kind = (errors.InvalidInput, "correct the command or its arguments")
# In this order: authentication and a full pool are connection errors to the client.
_CLASSES: tuple[tuple[type[Exception], Kind], ...] = (
    (
        exceptions.AuthenticationError,
        (errors.AuthenticationFailed, "correct REDIS_PASSWORD, or read a new file: make env"),
    ),
    (exceptions.AuthorizationError, (errors.PermissionDenied, "use a user who may: docs/accounts.md")),
    (exceptions.NoPermissionError, (errors.PermissionDenied, "use a command that the user may: docs/accounts.md")),
    (
        exceptions.MaxConnectionsError,
        (errors.PoolExhausted, "hold connections for a shorter time, or raise REDIS_POOL_MAX"),
    ),
    (exceptions.TimeoutError, (errors.OperationTimeout, "ask for less at once, or raise REDIS_TIMEOUT")),
    (exceptions.ConnectionError, (errors.Unavailable, _UP)),
    (exceptions.ReadOnlyError, (errors.Unavailable, _UP)),
    (exceptions.OutOfMemoryError, _FULL),
    (exceptions.WatchError, (errors.SerializationFailed, "run the transaction again")),
    (exceptions.NoScriptError, (errors.MissingObject, "load the script again")),
    (exceptions.DataError, (errors.InvalidInput, "give a key or value as text, bytes or a number")),
)
_TEXTS: dict[str, Kind] = {
    "string exceeds maximum allowed size": (errors.TooLarge, "split the value"),
    "invalid bulk length": (errors.TooLarge, "split the value"),
    "OOM ": _FULL,
    "NOAUTH": (errors.AuthenticationFailed, "set REDIS_PASSWORD"),
    "No connection available": (errors.PoolExhausted, "hold connections for a shorter time, or raise REDIS_POOL_MAX"),
}


def classify(error: BaseException, operation: str) -> DatabaseError | None:
    """Return what an exception of redis-py means; None for any other."""
    if not isinstance(error, exceptions.RedisError):
        return None
    text = str(error)
    told = next((kind for start, kind in _TEXTS.items() if start in text), None)
    kind, fix = told or next((kind for one, kind in _CLASSES if isinstance(error, one)), _INPUT)
    return kind(first_line(error), ENGINE, operation, fix)
