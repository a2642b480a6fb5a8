"""What the engines' classifications share: making an error of a kind, and telling whose an exception is."""

from collections.abc import Callable
from types import TracebackType

from database.errors import DatabaseError

# Gives an engine's exception its kind; None for one that is not the engine's.
Classify = Callable[[BaseException, str], DatabaseError | None]
_LONGEST = 500


class PoolFullError(Exception):
    """Every connection was in use for as long as one may wait; `setting` is the variable that makes more room."""

    def __init__(self, maximum: int, seconds: float, setting: str) -> None:
        super().__init__(f"all {maximum} connections were in use for {seconds:g} s")
        self.setting = setting


def first_line(error: object) -> str:
    """Return the first line of an error's text, which says what happened, in bounds."""
    lines = str(error).strip().splitlines()
    return (lines[0] if lines else type(error).__name__)[:_LONGEST].rstrip(".")


def raised_in(error: BaseException, package: str) -> bool:
    """Whether an exception was raised by a package's own code."""
    trace: TracebackType | None = error.__traceback__
    module = ""
    while trace is not None:
        module = str(trace.tb_frame.f_globals.get("__name__", ""))
        trace = trace.tb_next
    return module.split(".")[0] == package
