"""One line of the record: canonical JSON with the hash of the line before it, signed as a whole."""

import hashlib
import json
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from backup.keys import Signer, fingerprint, verified

# What events there are: a command's begin and its outcome, an update that Pulumi tells of, a key that is taken over, and
# the remains of a line that was cut off.
BEGIN, OUTCOME, UPDATE, KEY, REMAINS = "begin", "outcome", "update", "key", "remains"
NOTHING = "0" * 64
_MOST = 2**53
Entry = Mapping[str, Any]


@dataclass(frozen=True)
class Head:
    """How far a record goes: `record` is the hash of its first line, `head` that of its last one, `number` their count."""

    record: str
    number: int
    head: str

    def document(self) -> dict[str, Any]:
        """Return it as JSON has it."""
        return asdict(self)


def digest(line: bytes) -> str:
    """Return the SHA-256 of a line without its end, in hexadecimal."""
    return hashlib.sha256(line).hexdigest()


def head_of(lines: list[bytes]) -> Head | None:
    """Return how far a record goes, None for an empty one."""
    return Head(digest(lines[0]), len(lines), digest(lines[-1])) if lines else None


def split(content: bytes) -> list[bytes]:
    """Return a record's lines without their ends, also what is left of one that was cut off."""
    *lines, rest = content.split(b"\n")
    return [*lines, rest] if rest else lines


def written(entry: Entry, signer: Signer | None) -> bytes:
    """Return an entry as a line, signed if there is a key."""
    signed_by = fingerprint(signer.public) if signer else ""
    whole = {**entry, "signed_by": signed_by}
    signature = signer.sign(_canonical(whole)) if signer else ""
    return _canonical({**whole, "signature": signature})


def parsed(line: bytes) -> dict[str, Any]:
    """Return a line's entry; ValueError if it is none, or is not written as entries are: the signature is of what is read."""
    try:
        document: object = json.loads(line)
        if not isinstance(document, dict) or _canonical(document) != line:
            raise ValueError("not as it was written")
    except RecursionError:
        raise ValueError("no entry") from None
    found: dict[str, Any] = document
    number = found.get("number")
    if type(number) is not int or not 0 < number < _MOST:
        raise ValueError("no number")
    if not isinstance(found.get("event"), str) or not isinstance(found.get("run", ""), str):
        raise ValueError("no entry")
    return found


def readable(lines: Iterable[bytes]) -> Iterator[dict[str, Any]]:
    """Yield what can be read of a record; of the rest `verify` tells."""
    for line in lines:
        with suppress(ValueError):
            yield parsed(line)


def plain(value: object) -> str:
    """Return a value of an entry for a terminal: whoever edits a line may put anything there."""
    return "".join(one if one.isprintable() else ascii(one)[1:-1] for one in str(value))


def is_signed(entry: Entry, public: str) -> bool:
    """Whether the key of this public half has signed the entry as it stands."""
    rest = {key: value for key, value in entry.items() if key != "signature"}
    return verified(public, _canonical(rest), str(entry.get("signature")))


def handover(previous: str, public: str) -> bytes:
    """Return what an old key signs to say that another one follows it after a line."""
    return f"key after {previous}: {public}".encode()


def now() -> str:
    """Return this moment, UTC, to the microsecond."""
    return moment(time.time())


def moment(seconds: float) -> str:
    """Return a moment (Unix seconds) as entries have it."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="microseconds")


def seconds(text: str) -> float:
    """Return a moment of an entry in Unix seconds; ValueError if it is none."""
    return datetime.fromisoformat(text).timestamp()


def _canonical(entry: Entry) -> bytes:
    return json.dumps(dict(entry), sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False).encode()
