"""What can go wrong, by kind: every engine's own exceptions arrive as one of these, with the original as their cause."""


class DatabaseError(Exception):
    """An operation did not succeed; catching this catches everything that this library raises.

    `engine` is `postgres`, `redis`, `elasticsearch`, `milvus`, `duckdb`, `minio` or, where none is asked, `settings`; `operation` is
    the caller's name for what was tried; `fix` says what to do. No field ever holds a secret. `transient` says that the same may
    succeed a moment later.
    """

    transient = False

    def __init__(self, message: str, engine: str, operation: str, fix: str) -> None:
        # The arguments in the constructor's order, so that an error survives a process pool's pickling.
        super().__init__(message, engine, operation, fix)
        self.message = message
        self.engine = engine
        self.operation = operation
        self.fix = fix

    def __str__(self) -> str:
        """Return one sentence of what happened and one of what to do."""
        return f"{self.engine}: {self.operation}: {self.message}. Fix: {self.fix}"


class Unavailable(DatabaseError):
    """The server cannot be reached, or went away; whether a write that was under way has happened is not known."""

    transient = True


class CircuitOpen(Unavailable):
    """The engine has failed too often of late and is left alone for a while; nothing was sent."""

    transient = False


class Closing(Unavailable):
    """The client was being closed when it was asked; nothing was sent."""

    transient = False


class OperationTimeout(DatabaseError):
    """The engine has not answered within the time given; whether a write has happened is not known."""


class PoolExhausted(OperationTimeout):
    """Every connection was in use for as long as one may wait; nothing was sent."""


class FileInUse(OperationTimeout):
    """Somebody else had the file open for as long as one may wait; nothing was done."""


class AuthenticationFailed(DatabaseError):
    """The server knows no such user, or another password."""


class PermissionDenied(DatabaseError):
    """The user may not do that."""


class MissingObject(DatabaseError):
    """The table, column, index, collection, bucket or file that is named does not exist."""


class InvalidInput(DatabaseError):
    """What was given cannot be right, however often it is tried; nothing was written."""


class DimensionMismatch(InvalidInput):
    """A vector has another number of dimensions than its collection."""


class TooLarge(InvalidInput):
    """What was given is larger than the engine takes."""


class BadDocument(InvalidInput):
    """A document is not valid JSON, or does not fit its mapping or schema."""


class Conflict(DatabaseError):
    """Somebody else has written it already: a key that exists, a version that is older."""


class SerializationFailed(Conflict):
    """Somebody else was writing the same at the same time, and this transaction gave way: it may be run again."""

    transient = True


class ConfigurationInvalid(DatabaseError):
    """The settings cannot be used; `problems` holds one complete sentence each."""

    def __init__(
        self,
        message: str,
        engine: str = "settings",
        operation: str = "configure",
        fix: str = "set the variables named",
        problems: tuple[str, ...] = (),
    ) -> None:
        super().__init__(message, engine, operation, fix)
        self.args = (message, engine, operation, fix, problems)
        self.problems = problems

    def __str__(self) -> str:
        """Return what is wrong, one line each, with what to do."""
        lines = "".join(f"\n  - {problem}" for problem in self.problems)
        return f"{self.message}{lines}" if self.problems else super().__str__()


class EngineDisabled(DatabaseError):
    """The engine is turned off in the settings."""
