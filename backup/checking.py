"""Is a set still as it was made? Every file is read to its end, and decrypted as well where the identity is at hand."""

import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass

from backup.model import Manifest, StoredFile
from backup.parts import fetch
from backup.sets import MANIFEST, root_of
from backup.targets.base import Target
from init.protocol import Failure

_BLOCK_BYTES = 1 << 20
_SECONDS = 1.0


@dataclass(frozen=True, kw_only=True)
class Report:
    """What was read: files, stored and plain bytes (0 without an identity), and what lies there that the manifest does not name."""

    files: int
    stored: int
    plain: int
    extra: tuple[str, ...]
    seconds: float


def check(target: Target, manifest: Manifest, progress: Callable[[str], None], identity: str | None = None) -> Report:
    """Read every file of a set; Failure `Damaged` names each that is not as the manifest has it, `WrongIdentity` ends at once.

    Without an identity, what is stored is compared: its size and its SHA-256. With one, it is decrypted and decompressed, too.
    """
    began, root = time.monotonic(), root_of(manifest.stack, manifest.id)
    pace = _Pace(progress, sum(file.stored for file in manifest.files))
    wrong, stored, plain = [], 0, 0
    for file in manifest.files:
        try:
            plain += _decrypted(target, root, file, identity, pace) if identity else _stored(target, root, file, pace)
            stored += file.stored
            pace.done(file)
        except Failure as failure:
            if failure.kind not in ("Damaged", "NotFound"):
                raise
            wrong.append(failure.message)
    if wrong:
        fix = "use another set (./karen backup list), and look at the target's health"
        raise Failure("Damaged", f"{manifest.id}: {len(wrong)} of {len(manifest.files)} files: {'; '.join(wrong)}", fix)
    named = {f"{root}/{MANIFEST}", *(f"{root}/{file.path}" for file in manifest.files)}
    extra = tuple(item.path for item in target.items(f"{root}/") if item.path not in named)
    seconds = time.monotonic() - began
    return Report(files=len(manifest.files), stored=stored, plain=plain, extra=extra, seconds=seconds)


class _Pace:
    """Tells how far it has come, about once a second."""

    def __init__(self, progress: Callable[[str], None], total: int) -> None:
        self._progress, self._total = progress, total
        self._finished = 0
        self._told = time.monotonic()

    def at(self, path: str, share: float, size: int) -> None:
        """Tell that this share of a file of so many stored bytes was read."""
        now = time.monotonic()
        if now - self._told >= _SECONDS:
            self._told = now
            self._progress(f"{(self._finished + share * size) / 1e6:.0f} of {self._total / 1e6:.0f} MB ({path})")

    def done(self, file: StoredFile) -> None:
        self._finished += file.stored


def _stored(target: Target, root: str, file: StoredFile, pace: _Pace) -> int:
    """Compare what is stored; return 0, for nothing was decrypted."""
    path, found, size = f"{root}/{file.path}", hashlib.sha256(), 0
    with target.read(path) as stream:
        while block := stream.read(_BLOCK_BYTES):
            found.update(block)
            size += len(block)
            pace.at(file.path, size / max(file.stored, 1), file.stored)
    if size != file.stored:
        raise Failure("Damaged", f"{path}: {size} bytes are stored, not the {file.stored} of its manifest", "")
    if found.hexdigest() != file.sha256:
        raise Failure("Damaged", f"{path}: its SHA-256 is not that of its manifest", "")
    return 0


def _decrypted(target: Target, root: str, file: StoredFile, identity: str, pace: _Pace) -> int:
    """Compare everything; return the plain bytes."""
    size = 0
    with fetch(target, root, file, identity) as stream:
        while block := stream.read(_BLOCK_BYTES):
            size += len(block)
            pace.at(file.path, size / max(file.plain, 1), file.stored)
    return size
