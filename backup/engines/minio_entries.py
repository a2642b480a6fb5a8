"""What a set holds of one version of an object beside its bytes, and the sums over them."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from backup.engines.base import digest

# `Expires` is not among them: the client has no way to send it, and `Cache-Control` has taken its place.
_KEPT_HEADERS = (
    "cache-control",
    "content-disposition",
    "content-encoding",
    "content-language",
    "content-type",
)
_USER = "x-amz-meta-"
_LOCK = "x-amz-object-lock-"


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One version: `order` counts a key's versions from 0, the oldest; `headers` are the ones that an object keeps, lower-case.

    `version`, `modified` and `lock` are for information: a restored object has new ones, and no lock.
    """

    key: str
    order: int
    marker: bool
    size: int = 0
    headers: Mapping[str, str] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    version: str = ""
    modified: str = ""
    lock: Mapping[str, str] = field(default_factory=dict)


def kept(headers: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Return those of an answer's headers that belong to the object."""
    lower = {name.lower(): value for name, value in headers}
    return {name: value for name, value in lower.items() if name in _KEPT_HEADERS or name.startswith(_USER)}


def lock_of(headers: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Return the retention and the legal hold that an answer's headers tell."""
    lower = {name.lower(): value for name, value in headers}
    return {name.removeprefix(_LOCK): value for name, value in lower.items() if name.startswith(_LOCK)}


class Totals:
    """Counts and the sum of one bucket; versions are added key by key, of each key the oldest first."""

    def __init__(self, bucket: str) -> None:
        self.bucket = bucket
        self._objects = self._versions = self._total = 0
        self._last_key: str | None = None
        self._last_is_object = False

    def add(self, entry: Entry, sha256: str) -> None:
        """Add one version with the hexadecimal checksum of its bytes (empty for a marker)."""
        if entry.key != self._last_key:
            self._count_last()
            self._last_key = entry.key
        self._last_is_object = not entry.marker
        self._versions += 1
        told = [self.bucket, entry.key, entry.order, entry.marker, sha256, dict(entry.headers), dict(entry.tags)]
        text = json.dumps(told, sort_keys=True, separators=(",", ":"))
        self._total += int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big")

    def counts(self) -> dict[str, int]:
        """Return how many objects (keys whose newest version is no marker) and versions were added."""
        self._count_last()
        return {f"{self.bucket} objects": self._objects, f"{self.bucket} versions": self._versions}

    def checksum(self) -> dict[str, str]:
        """Return the sum over what was added."""
        return {self.bucket: digest(self._total)}

    def _count_last(self) -> None:
        self._objects += self._last_is_object
        self._last_is_object = False
