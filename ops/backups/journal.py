"""What a restore has decided before it touches anything: with it, one that was cut off is finished by the next."""

import fcntl
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from components.machine import home

# The fields of a note that list engines.
_ENGINES = ("exchanged", "finished", "kept", "lost")


@dataclass(frozen=True, kw_only=True)
class Decided:
    """A restore whose parts are loaded: the set of each engine, with what it was asked for, and how far it has come.

    One that is given up has engines that are `kept` as before, and such that are `lost`, with neither what was there nor the set's.
    """

    stack: str
    command: str
    taken: Mapping[str, Mapping[str, Any]]
    sets: Mapping[str, str]
    exchanged: tuple[str, ...] = ()
    finished: tuple[str, ...] = ()
    giving_up: bool = False
    kept: tuple[str, ...] = ()
    lost: tuple[str, ...] = ()

    @property
    def open(self) -> list[str]:
        """Return the engines of which it is not decided yet what they have in the end."""
        decided = {*self.finished, *self.kept, *self.lost}
        return [engine for engine in self.taken if engine not in decided]


class TwiceError(RuntimeError):
    """Another process restores into the same stack."""


@contextmanager
def alone(stack: str) -> Iterator[None]:
    """Be the only one on this machine who restores into a stack; TwiceError if another one does. A lease needs a monitor."""
    lock = path(stack).with_suffix(".lock")
    lock.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with lock.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise TwiceError(f"Another restore into {stack} is going on") from None
        yield


def path(stack: str) -> Path:
    """Return the file of a stack."""
    return home() / "restores" / f"{stack}.json"


def write(decided: Decided) -> None:
    """Keep it, whole or not at all."""
    target = path(decided.stack)
    target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    temporary = target.with_suffix(".new")
    with temporary.open("w", encoding="utf-8") as stream:
        json.dump(asdict(decided), stream)
        stream.flush()
        os.fsync(stream.fileno())
    temporary.replace(target)
    directory = os.open(target.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


def note(decided: Decided, field: str, engine: str) -> Decided:
    """Keep that an engine is `exchanged`, `finished`, `kept` or `lost`, and return that."""
    noted = replace(decided, **{field: (*getattr(decided, field), engine)})  # type: ignore[arg-type]
    write(noted)
    return noted


def read(stack: str) -> Decided | None:
    """Return what an earlier restore has left, None if there is nothing to finish; ValueError if it cannot be read."""
    target = path(stack)
    if not target.is_file():
        return None
    try:
        found = json.loads(target.read_text(encoding="utf-8"))
        return Decided(**{**found, **{key: tuple(found[key]) for key in _ENGINES}})
    except (TypeError, KeyError) as error:
        raise ValueError(f"no note of a restore: {error}") from None


def remove(stack: str) -> None:
    """The restore is finished."""
    path(stack).unlink(missing_ok=True)
