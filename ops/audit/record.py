"""The record: a file of this machine to which lines are added, one process at a time, each on the disk before anything is done."""

import fcntl
import os
import re
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bootstrap import places
from ops.audit import entries, keys
from ops.audit.entries import Entry, Head, split
from ops.audit.errors import RecordError
from ops.audit.growing import current_key, grown
from ops.audit.keys import Keys

# As Pulumi allows it: nothing that could be a path.
_STACK = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_.-]{0,99}")
_WAIT_SECONDS = 30.0
_PAUSE_SECONDS = 0.02


def path(stack: str) -> Path:
    """Return the file of a stack; it outlives the stack."""
    return places.home() / "audit" / f"{stack}.jsonl"


def concerns(stack: str) -> bool:
    """Whether there is anything to record of a stack: it was made, or has a record."""
    from bootstrap import state

    return bool(_STACK.fullmatch(stack)) and (path(stack).exists() or state.stack_file(stack).exists())


def ensure_known(stack: str) -> None:
    """RecordError for a stack of which this machine knows nothing."""
    if not concerns(stack):
        from bootstrap import state

        known = ", ".join(sorted(one.stem for one in state.stack_file("any").parent.glob("*.json"))) or "none"
        raise RecordError(f"No stack {stack!r} was ever made here; allowed: {known}. Fix: name one with --stack")


def lines_of(stack: str) -> list[bytes]:
    """Return the lines as they are, without their ends, [] before the first; RecordError if the file cannot be read."""
    try:
        file = os.open(path(stack), os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return []
    except OSError as error:
        raise _failed(stack, "read", error) from None
    try:
        _lock(stack, file, fcntl.LOCK_SH)
        return split(_content(file))
    except OSError as error:
        raise _failed(stack, "read", error) from None
    finally:
        os.close(file)


def head(stack: str) -> dict[str, Any] | None:
    """Return how far a record goes, as a document; None if there is none."""
    found = entries.head_of(lines_of(stack))
    return found.document() if found else None


def due(stack: str, held: Keys) -> tuple[list[bytes], list[bytes]]:
    """Return the lines that are there, and those that the next command adds before its own; nothing is written."""
    lines = lines_of(stack)
    content = b"".join(line + b"\n" for line in lines)
    return lines, grown(stack, [], held, content, b"")


def append(stack: str, documents: Sequence[Entry], held: Keys) -> Head | None:
    """Add entries, after those that Pulumi's history and a new key are due, and return how far the record goes then.

    RecordError if they are not on the disk; then none of them is in the record. None if there was nothing to add to nothing.
    """
    with _opened(stack) as file:
        try:
            before = _content(file)
            whole = before[: before.rfind(b"\n") + 1]
            new = grown(stack, documents, _newest(stack, held, split(whole)), whole, before[len(whole) :])
            if new:
                _write(file, len(whole), len(before), b"".join(line + b"\n" for line in new))
            if held.seed is not None:
                keys.keep(stack, held.seed)
        except OSError as error:
            raise _failed(stack, "written", error) from None
        return entries.head_of([*split(whole), *new])


def _newest(stack: str, held: Keys, lines: Sequence[bytes]) -> Keys:
    """Return what signs now that nobody else writes: another process may just have taken over a new key."""
    current = current_key(lines)
    if held.signer is None or held.seed is not None or not current or held.signer.public == current:
        return held
    kept = keys.kept_key(stack)
    return Keys(signer=kept) if kept is not None and kept.public == current else held


@contextmanager
def _opened(stack: str) -> Iterator[int]:
    """Open the record for this process alone."""
    target = path(stack)
    try:
        target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        fresh = not target.exists()
        file = os.open(target, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        raise _failed(stack, "written", error) from None
    try:
        if fresh:
            _on_disk(target.parent)
        _lock(stack, file, fcntl.LOCK_EX)
        yield file
    finally:
        os.close(file)


def _lock(stack: str, file: int, kind: int) -> None:
    deadline = time.monotonic() + _WAIT_SECONDS
    while True:
        try:
            fcntl.flock(file, kind | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                held = f"another process has held it for {_WAIT_SECONDS:.0f} s"
                raise RecordError(
                    f"The audit record {path(stack)} cannot be used: {held}. Fix: fuser {path(stack)}"
                ) from None
            time.sleep(_PAUSE_SECONDS)
        else:
            return


def _content(file: int) -> bytes:
    parts, position = [], 0
    while part := os.pread(file, 1 << 20, position):
        parts.append(part)
        position += len(part)
    return b"".join(parts)


def _write(file: int, whole: int, size: int, content: bytes) -> None:
    """Put the content after the whole lines; what cannot be written completely is not there at all."""
    if size != whole:
        os.ftruncate(file, whole)
    try:
        written = 0
        while written < len(content):
            written += os.write(file, content[written:])
        os.fsync(file)
    except OSError:
        os.ftruncate(file, whole)
        raise


def _on_disk(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _failed(stack: str, what: str, error: OSError) -> RecordError:
    target = path(stack)
    fix = f"free space on that disk, or sudo chown -R $USER {target.parent}"
    return RecordError(f"The audit record {target} cannot be {what}: {error.strerror}. Fix: {fix}")
