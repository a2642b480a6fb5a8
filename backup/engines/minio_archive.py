"""A bucket as a tar stream: its settings first, then a member for every version with what describes it in the header.

Members are numbered; a key may be longer than, and otherwise than, any file's name. Memory is bounded by one listing page
and one key's versions; the whole listing lies in a file.
"""

import io
import json
import tarfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO, Any

from minio.error import S3Error

from backup.engines import minio_settings
from backup.engines.minio_content import Content, Gone
from backup.engines.minio_entries import Entry, Totals
from backup.engines.minio_store import Store, Version

_HEADER = "KAREN.entry"
_SETTINGS = "settings.json"
_BUFFER_BYTES = 1 << 20
_NAMED_AT_MOST = 20


@dataclass
class Listing:
    """What a bucket held at one moment: `file` has a JSON line for each version, in the order of `Store.versions`."""

    bucket: str
    settings: Mapping[str, Any]
    file: Path
    bytes: int = 0


@dataclass
class Written:
    """What became of a listing: `ended` is when the last object was read that had changed since (Unix seconds, 0: none had)."""

    totals: Totals
    ended: float = 0.0
    left_out: int = 0
    first_left_out: list[str] = field(default_factory=list)

    def leave_out(self, key: str) -> None:
        """Note a version that was removed before it was read."""
        self.left_out += 1
        if len(self.first_left_out) < _NAMED_AT_MOST:
            self.first_left_out.append(key)


def listed(store: Store, bucket: str, file: Path) -> Listing | None:
    """Write the listing of a bucket to a file; None if the bucket is not there any more."""
    try:
        listing = Listing(bucket, minio_settings.read(store.client, bucket), file)
        with file.open("w") as lines:
            for version in store.versions(bucket):
                listing.bytes += version.size
                lines.write(json.dumps(asdict(version)) + "\n")
    except S3Error as error:
        if error.code != "NoSuchBucket":
            raise
        return None
    return listing


def write(store: Store, listing: Listing, stream: IO[bytes], report: Callable[[int], None]) -> Written:
    """Write what was listed, as far as it is still there; an object without versions is taken as it is by now.

    `report` is told the bytes of each part as it is written.
    """
    written = Written(Totals(listing.bucket))
    key, order = "", 0
    with tarfile.open(fileobj=stream, mode="w|", format=tarfile.PAX_FORMAT, bufsize=_BUFFER_BYTES) as archive:
        archive.copybufsize = _BUFFER_BYTES  # type: ignore[attr-defined]
        document = json.dumps({"bucket": listing.bucket, "settings": listing.settings}).encode()
        archive.addfile(_member(_SETTINGS, len(document)), io.BytesIO(document))
        for number, version in enumerate(_versions(listing)):
            order = order if version.key == key else 0
            key = version.key
            try:
                _write_version(store, archive, written, number, version, order)
            except Gone:
                written.leave_out(version.key)
                continue
            order += 1
            # The archive would remember every member.
            archive.members.clear()  # type: ignore[attr-defined]
            report(version.size)
    return written


def read(stream: IO[bytes]) -> Iterator[tuple[str, Mapping[str, Any]] | tuple[Entry, IO[bytes]]]:
    """Yield the bucket's name with its settings, then each version with its bytes, which are to be read before the next.

    TarError if it is no such file, or only half of one.
    """
    with tarfile.open(fileobj=stream, mode="r|", bufsize=_BUFFER_BYTES) as archive:
        for member in archive:
            content = archive.extractfile(member)
            assert content is not None
            if member.name == _SETTINGS:
                document = json.loads(content.read())
                yield document["bucket"], document["settings"]
            else:
                yield Entry(**json.loads(member.pax_headers[_HEADER])), content
            archive.members.clear()  # type: ignore[attr-defined]
    # What fills the last block belongs to the file, whose checksum is compared at its end.
    while stream.read(_BUFFER_BYTES):
        pass


def _versions(listing: Listing) -> Iterator[Version]:
    with listing.file.open() as lines:
        for line in lines:
            yield Version(**json.loads(line))


def _write_version(
    store: Store, archive: tarfile.TarFile, written: Written, number: int, version: Version, order: int
) -> None:
    name = f"{number:012d}"
    if version.marker:
        entry = Entry(key=version.key, order=order, marker=True, version=version.id, modified=version.modified)
        archive.addfile(_member(name, 0, entry))
        written.totals.add(entry, "")
        return
    content = Content(store.client, written.totals.bucket, version)
    try:
        entry = content.entry(order)
        archive.addfile(_member(name, entry.size, entry), content)  # type: ignore[arg-type]
    finally:
        content.close()
    written.totals.add(entry, content.sha256())
    if content.replaced:
        written.ended = time.time()


def _member(name: str, size: int, entry: Entry | None = None) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.size, member.mode = size, 0o600
    if entry:
        member.pax_headers = {_HEADER: json.dumps(asdict(entry))}
    return member
