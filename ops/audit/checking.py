"""Whether a record is what was written: its lines among themselves, its signatures, and the heads that others remember. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from backup.keys import fingerprint, verified
from ops.audit import entries
from ops.audit.entries import NOTHING, Head


@dataclass(frozen=True, kw_only=True)
class Anchor:
    """How far a record went when somebody else was told: `place` remembers it, `at` says since when, as that place tells it."""

    place: str
    head: Head
    at: str = ""


@dataclass
class Report:
    """What was found: `problems` are differences from what was written, `notices` what is worth knowing; `key` signed last."""

    head: Head | None = None
    problems: list[str] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)
    signed: int = 0
    key: str = ""
    anchored: dict[str, int] = field(default_factory=dict)


def check(lines: Sequence[bytes], *, trusted: Sequence[str] = (), anchors: Sequence[Anchor] = ()) -> Report:
    """Return what is wrong with a record; `trusted` are the public keys that may have signed its end, any without one."""
    found = Report(head=entries.head_of(list(lines)))
    found.problems += _chain(lines, found)
    if trusted and lines and found.key not in trusted:
        signer = f"{fingerprint(found.key)} has signed" if found.key else "nobody has signed"
        known = ", ".join(sorted(fingerprint(key) for key in trusted))
        found.problems.append(f"{signer} its last entries, and the stack's key is {known}: it was written anew")
    for anchor in anchors:
        problem = _anchored(lines, anchor)
        if problem:
            found.problems.append(problem)
        else:
            found.anchored[anchor.place] = max(found.anchored.get(anchor.place, 0), anchor.head.number)
    found.notices += [*_open_runs(lines), *_cut_off(lines)]
    return found


def _chain(lines: Sequence[bytes], found: Report) -> Iterator[str]:
    """Yield what does not fit among the lines, what follows from it left out, and count what is signed."""
    previous, number, whole = NOTHING, 0, True
    for place, line in enumerate(lines, start=1):
        try:
            entry = entries.parsed(line)
        except ValueError:
            yield f"line {place} is no entry: it was edited, or cut off while it was written"
            previous, number, whole = entries.digest(line), number + 1, False
            continue
        moved = _place(entry, number, previous if whole else None, place)
        edited = _signature(entry, found)
        yield from filter(None, (moved, edited))
        if entry["event"] == entries.KEY and not edited:
            yield from _key(entry, found)
        previous, number, whole = entries.digest(line), entry["number"], not edited


def _place(entry: Mapping[str, Any], number: int, previous: str | None, place: int) -> str:
    """Return what is wrong with where an entry stands, empty if nothing is; `previous` is None where that is told already."""
    said = entry["number"]
    if said > number + 1:
        missing = f"entry {number + 1}" if said == number + 2 else f"entries {number + 1} to {said - 1}"
        return f"line {place} is entry {said}: {missing} before it {'is' if said == number + 2 else 'are'} missing"
    if said <= number:
        return f"line {place} is entry {said} and comes after entry {number}: lines were moved, or put in"
    if previous is not None and entry.get("previous") != previous:
        before = f"entry {number}, the one before it, is not as it was" if number else "it is not the first"
        return f"entry {said} does not follow: {before}"
    return ""


def _signature(entry: Mapping[str, Any], found: Report) -> str:
    """Return what is wrong with an entry's signature, empty if nothing is."""
    number, public = entry["number"], found.key
    if entry["event"] == entries.KEY:
        public = str(entry.get("public"))
    if not public:
        # As before a stack's first update, from which it has its key.
        return f"entry {number} names a key that nobody knows" if entry.get("signature") else ""
    if not entry.get("signature"):
        return f"entry {number} is not signed"
    if not entries.is_signed(entry, public):
        return f"entry {number} is not as {fingerprint(public)} has signed it: it was edited, or is another's"
    found.signed += 1
    return ""


def _key(entry: Mapping[str, Any], found: Report) -> Iterator[str]:
    """Take over the key of an entry; yield why it should not have come."""
    before, found.key = found.key, str(entry["public"])
    named, number = fingerprint(found.key), entry["number"]
    said = entries.handover(str(entry.get("previous")), found.key)
    if before and not verified(before, said, str(entry.get("word"))):
        yield f"entry {number}: the key {named} follows {fingerprint(before)} without its word: what is before it may have been written anew"
    if not before and not entry.get("first"):
        yield f"entry {number}: the key {named} had signed before on this machine, and the record does not have that: it was written anew"


def _anchored(lines: Sequence[bytes], anchor: Anchor) -> str:
    """Return how the record differs from what was remembered of it, empty if it does not."""
    head, when = anchor.head, f" ({anchor.at})" if anchor.at else ""
    if lines and entries.digest(lines[0]) != head.record and head.number:
        return f"{anchor.place} remembers another record of {head.number} entries{when}: this one was begun anew, or its first line edited"
    if head.number > len(lines):
        return f"{anchor.place} remembers {head.number} entries{when}, and {len(lines)} are there: the end was cut off"
    if entries.digest(lines[head.number - 1]) != head.head:
        return (
            f"entry {head.number} is not the one that {anchor.place} remembers{when}: it, or one before it, was changed"
        )
    return ""


def _open_runs(lines: Sequence[bytes]) -> Iterator[str]:
    """Yield what began and has no outcome."""
    begun: dict[str, Mapping[str, Any]] = {}
    for entry in entries.readable(lines):
        if entry["event"] == entries.BEGIN:
            begun[str(entry.get("run"))] = entry
        elif entry["event"] == entries.OUTCOME:
            begun.pop(str(entry.get("run")), None)
    for one in begun.values():
        told = entries.plain(f"{one.get('command')} by {one.get('user')}@{one.get('host')}")
        yield f"entry {one['number']}: {told} has no outcome: it goes on, or was killed"


def _cut_off(lines: Sequence[bytes]) -> Iterator[str]:
    """Yield where only remains are left of a line: whoever may write the file can have cut it, without the key."""
    for entry in entries.readable(lines):
        if entry["event"] == entries.REMAINS:
            yield f"entry {entry['number']}: a line was cut off before it; what it said is lost"
