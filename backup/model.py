"""What a set tells of itself: one manifest, with an entry for each engine and one for each file."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

FORMAT = 1
GOOD, INCOMPLETE = "good", "incomplete"


class ManifestError(ValueError):
    """A document is no manifest of this format; the message names the key, the value and what is allowed."""


@dataclass(frozen=True, kw_only=True)
class StoredFile:
    """One file of a set as it lies on the target. `path` is relative to the set; `stored` and `plain` are bytes.

    `sha256` is of what is stored, so that it can be checked without the identity.
    """

    path: str
    stored: int
    plain: int
    sha256: str


@dataclass(frozen=True, kw_only=True)
class Taken:
    """What an engine tells of the part that was taken from it.

    `counts` (rows per table, documents per index, entities per collection, keys per database) and `checksums` (hexadecimal) are
    by object and exactly of what the part holds. `began` and `ended` are Unix seconds around what is in it: what was acknowledged
    before `began` is in, what was written after `ended` is not. `details` is the engine's own, JSON, without secrets.
    """

    tool: str
    server_version: str
    schema_version: str
    counts: Mapping[str, int]
    checksums: Mapping[str, str]
    began: float
    ended: float
    details: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class EnginePart:
    """One engine in a manifest: `state` is `good` or `incomplete`, with the reason; only a good one has `taken`."""

    state: str
    reason: str = ""
    taken: Taken | None = None
    files: tuple[StoredFile, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """A whole set. `began` and `ended` are Unix seconds; `recipient` is the age recipient that everything is encrypted to.

    `partial` says that it was asked for some of the stack's engines only: it is good for these, and never stands in for a whole one.
    `state` is the encrypted record of the stack (Pulumi's, exported), None where none was given. `audit` is how far the audit record
    went (`record`, `number`, `head`), None where nobody told.
    """

    id: str
    stack: str
    label: str
    trigger: str
    software: str
    recipient: str
    began: float
    ended: float
    engines: Mapping[str, EnginePart]
    state: StoredFile | None = None
    partial: bool = False
    audit: Mapping[str, Any] | None = None

    @property
    def good(self) -> bool:
        """Whether every engine in it is good; a set with one that is not is never taken for a good one."""
        return bool(self.engines) and all(part.state == GOOD for part in self.engines.values())

    @property
    def files(self) -> tuple[StoredFile, ...]:
        """Return every file of the set."""
        found = [file for _, part in sorted(self.engines.items()) for file in part.files]
        return (*found, *([self.state] if self.state else []))

    def document(self) -> dict[str, Any]:
        """Return it as JSON has it."""
        return {"format": FORMAT, **asdict(self)}

    @classmethod
    def parse(cls, document: Mapping[str, Any]) -> "Manifest":
        """Build one from a document; ManifestError names what is wrong, a newer format included."""
        found = document.get("format")
        if found != FORMAT:
            hint = "; update this checkout" if isinstance(found, int) and found > FORMAT else ""
            raise ManifestError(f"format is {found!r}; allowed: {FORMAT}{hint}")
        try:
            values = {key: value for key, value in document.items() if key != "format"}
            state = values.pop("state", None)
            engines = {name: _part(one) for name, one in values.pop("engines").items()}
            return cls(**values, engines=engines, state=StoredFile(**state) if state else None)
        except (TypeError, KeyError, AttributeError) as error:
            raise ManifestError(f"not a manifest: {error}") from None


def _part(document: Mapping[str, Any]) -> EnginePart:
    taken = document.get("taken")
    return EnginePart(
        state=document["state"],
        reason=document["reason"],
        taken=Taken(**taken) if taken else None,
        files=tuple(StoredFile(**one) for one in document["files"]),
    )
