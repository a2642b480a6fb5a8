"""What is added to a record, and in which order: the remains of a cut line, a new key, Pulumi's updates, a command's entries."""

from collections.abc import Sequence
from typing import Any

from ops.audit import entries, history
from ops.audit.entries import NOTHING, Entry
from ops.audit.keys import Keys


def grown(stack: str, documents: Sequence[Entry], held: Keys, whole: bytes, remains: bytes) -> list[bytes]:
    """Return the lines that come after the `whole` lines of a record; `remains` is what is left of one that was cut off."""
    lines, new = entries.split(whole), list[bytes]()
    previous = entries.digest(lines[-1]) if lines else NOTHING

    def add(document: Entry) -> None:
        nonlocal previous
        common = {"number": len(lines) + len(new) + 1, "stack": stack, "at": entries.now(), "previous": previous}
        new.append(entries.written({**common, **document}, held.signer))
        previous = entries.digest(new[-1])

    if held.signer is not None and held.signer.public != (earlier := current_key(lines)):
        add(_key(held, earlier, previous))
    if remains:
        add({"event": entries.REMAINS, "text": remains.decode("latin-1")})
    for document in (*history.unseen(stack, whole), *documents):
        add(document)
    return new


def current_key(lines: Sequence[bytes]) -> str:
    """Return the public key that signs since the last line that tells of one, empty before the first."""
    for line in reversed(lines):
        if b'"event":"key"' in line:
            try:
                found = entries.parsed(line)
            except ValueError:
                continue
            if found["event"] == entries.KEY:
                return str(found.get("public"))
    return ""


def _key(held: Keys, earlier: str, previous: str) -> dict[str, Any]:
    """Return the entry of a key that signs from now on: with the word of the one before, or as the first of this machine."""
    assert held.signer is not None
    before = held.before if held.before is not None and held.before.public == earlier else None
    # A machine that keeps a key has signed with it: a record that knows of none is not the one that it has written.
    first = not earlier and held.before is None and held.seed is not None
    word = before.sign(entries.handover(previous, held.signer.public)) if before else ""
    return {"event": entries.KEY, "public": held.signer.public, "word": word, "first": first}
