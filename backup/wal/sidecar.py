"""What stands beside a segment, signed: which one it is, what is stored, and the hash of what stands beside the one before."""

import hashlib
import json
from collections.abc import Collection
from dataclasses import asdict, dataclass
from typing import Any, TypeVar

from backup.keys import Signer, fingerprint, verified
from init.protocol import Failure

_PREFIX = "ed25519"
_FIX = "restore a moment before it, or a set that is later"
Document = TypeVar("Document")


@dataclass(frozen=True, kw_only=True)
class Sidecar:
    """One segment. `stored` and `plain` are bytes, `sha256` is of what is stored, `previous` of the sidecar before ('' for none).

    `position` is where it begins in the log. `archived` is when it was stored and `complete_to` up to when all that was committed
    is in this segment or in those before, both in Unix seconds.
    """

    stack: str
    chain: str
    segment: str
    position: int
    stored: int
    plain: int
    sha256: str
    previous: str
    archived: float
    complete_to: float

    @property
    def end(self) -> int:
        """Return the position after it."""
        return self.position + self.plain


@dataclass(frozen=True, kw_only=True)
class Head:
    """How far a chain came: its last segment, and up to when all that was committed is archived, in Unix seconds."""

    stack: str
    chain: str
    segment: str
    complete_to: float


def render(document: Sidecar | Head, signer: Signer) -> bytes:
    """Return a file: a line of JSON, and one with the key and the signature."""
    line = json.dumps(asdict(document), sort_keys=True, separators=(",", ":")).encode()
    return line + b"\n" + f"{_PREFIX}:{signer.public}:{signer.sign(line)}\n".encode()


def parse(data: bytes, kind: type[Document], *, path: str, trust: Collection[str], **expected: str) -> Document:
    """Read a file. Failure `Damaged` names it if it is not as it was signed, or not that of the `expected` stack, chain or segment;
    `NotTrusted` if another key has signed it.
    """
    try:
        line, signature = data.decode().removesuffix("\n").split("\n")
        prefix, public, signed = signature.split(":")
        document: dict[str, Any] = json.loads(line)
        found = kind(**document)
    except (ValueError, TypeError):
        raise damaged(path, "it is not as it was written") from None
    if prefix != _PREFIX or not data.endswith(b"\n") or not verified(public, line.encode(), signed):
        raise damaged(path, "its signature does not fit its content")
    if public not in trust:
        raise Failure(
            "NotTrusted",
            f"{path}: signed by {fingerprint(public)}, which is not trusted",
            "give the right identity file",
        )
    for key, value in expected.items():
        if document[key] != value:
            raise damaged(path, f"it is that of the {key} {document[key]}, not {value}")
    return found


def hashed(data: bytes) -> str:
    """Return the hash by which the next sidecar names this one."""
    return hashlib.sha256(data).hexdigest()


def damaged(path: str, reason: str) -> Failure:
    """Return the failure for a file of the archive that cannot be used."""
    return Failure("Damaged", f"{path}: {reason}", _FIX)
