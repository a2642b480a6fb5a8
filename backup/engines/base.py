"""What takes an engine's part of a set, and what brings it back. Each engine's module has both."""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Protocol

from backup.model import Taken
from init.protocol import Failure

# An exchange was cut off, and no note tells of it; what was there before is gone, and nothing can take its place.
HALF, LOST = "HalfExchanged", "NoWayBack"


class Sink(Protocol):
    """Where a part goes: whatever is written is compressed, encrypted, hashed and stored as it comes, in bounded memory."""

    def file(self, name: str) -> AbstractContextManager[IO[bytes]]:
        """Return a stream to write a file of the part (`base.tar`, `collections/memory.rows`); an exception discards the file."""


class Source(Protocol):
    """Where a part comes from: decrypted and decompressed as it is read, its checksum compared at its end."""

    @property
    def names(self) -> tuple[str, ...]:
        """Return the names of the part's files, sorted."""

    def file(self, name: str) -> AbstractContextManager[IO[bytes]]:
        """Return a stream to read a file of the part; Failure `Damaged` names a file that is not as it was stored."""


@dataclass(frozen=True, kw_only=True)
class Task:
    """What both directions are given. `staging` is an empty directory of this task, removed afterwards.

    `set_id` is the set's; `progress` takes a sentence for people (`32 of 40 MB`), whenever there is one.
    """

    set_id: str
    staging: Path
    progress: Callable[[str], None]


class Part(Protocol):
    """One engine. What cannot be done is raised as `init.protocol.Failure` with the fix.

    A restore has three steps, each safe to repeat, in jobs of their own: `load` brings a part back beside what is there and
    compares it with what was taken, without touching what is there; `exchange` puts it in its place; `finish` applies what
    is the target's (credentials, ledger) and removes the rest. What was cut off in `load` leaves the old data; in `exchange`, it
    is finished by calling `exchange` again with the same set, or taken back by `give_up`. `discard` removes what a `load` has left.
    Where files are exchanged, a `load` that finds one half done, of which the host has no note any more, raises `HalfExchanged`.
    """

    def back_up(self, connection: Mapping[str, Any], sink: Sink, task: Task) -> Taken:
        """Take the engine's part from the running engine."""

    def load(self, connection: Mapping[str, Any], source: Source, taken: Taken, task: Task) -> None:
        """Bring the part back beside what is there."""

    def exchange(self, connection: Mapping[str, Any], taken: Taken, task: Task) -> None:
        """Put what was loaded in its place; nothing to do if it is there already."""

    def finish(self, connection: Mapping[str, Any], taken: Taken, task: Task) -> None:
        """Apply what is the target's, and remove what is not needed any more."""

    def give_up(self, connection: Mapping[str, Any], taken: Taken, task: Task) -> bool:
        """Have what was there before an exchange that has not ended, and nothing of what was loaded; may be cut off and repeated.

        False where nothing is left of that: then what was loaded is put in its place, to be finished. Failure `NoWayBack` if it
        cannot be. With `connection["unnoted"]`, data that a single server has made since it was started without its own stay.
        """

    def discard(self, connection: Mapping[str, Any], task: Task) -> None:
        """Remove what a load has left beside the data, unless it is half in their place."""

    def summarize(self, connection: Mapping[str, Any]) -> tuple[Mapping[str, int], Mapping[str, str]]:
        """Count and sum what is in the running engine now: `counts` and `checksums` as in `Taken`."""


def half_exchanged(engine: str) -> Failure:
    """Return the failure of what cannot be done before an exchange that was cut off is taken back."""
    return Failure(HALF, f"{engine}: a restore was cut off while it exchanged data", "restore again, with any set")


def no_way_back(engine: str, task: Task, failure: Failure) -> Failure:
    """Return the failure of an exchange that can neither be taken back nor be finished."""
    told = f"{engine}: what was there is gone, and set {task.set_id} cannot be put in its place: {failure.message}"
    return Failure(LOST, told, f"mend that, then ./karen backup restore --only {engine}")


def compared(connection: Mapping[str, Any], compare: Callable[[], None], task: Task) -> None:
    """Compare what a restored engine has with what was taken, once it can be reached again.

    Only where `connection["alone"]` says that nobody else writes to it is a difference a failure: elsewhere applications go on at
    once, and what they do is told.
    """
    try:
        compare()
    except Failure as failure:
        if connection.get("alone"):
            raise
        task.progress(f"{failure.message}, as where an application writes already; what was loaded had been compared")


def digest(total: int) -> str:
    """Return a sum of 64-bit hashes as a manifest has it: 32 hexadecimal digits, of the sum modulo 2**128."""
    return f"{total % (1 << 128):032x}"
