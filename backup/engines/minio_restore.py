"""Bringing buckets back: into buckets beside the data first, and from there, copied by the server, in place of what is there."""

from collections.abc import Callable, Mapping
from typing import IO

from minio import Minio
from minio.commonconfig import ENABLED, REPLACE, CopySource, Tags
from minio.error import S3Error
from minio.versioningconfig import VersioningConfig

from backup.engines import minio_archive, minio_settings
from backup.engines.minio_content import Content, Summed
from backup.engines.minio_entries import Entry, Totals
from backup.engines.minio_journal import BUCKET, Staged
from backup.engines.minio_store import TEMPORARY, Store, Version
from init.engines import minio_buckets

# The server copies no more than this in one request, and takes no more parts of an object than that.
_COPIED_AT_ONCE_BYTES = 5 << 30
_MOST_PARTS = 10_000
_LEAST_PART_BYTES = 8 << 20
_PART_STEP_BYTES = 1 << 20
_DEFAULT_TYPE = "application/octet-stream"

Report = Callable[[int], None]


def load(store: Store, stream: IO[bytes], number: int, report: Report) -> tuple[Staged, Totals]:
    """Read one bucket's file into a bucket beside the data; return where it is, and the sums over what was read."""
    parts = minio_archive.read(stream)
    bucket, settings = next(parts)
    assert isinstance(bucket, str)
    assert isinstance(settings, Mapping)
    staged, totals = Staged(bucket, f"{TEMPORARY}{number:04d}", settings), Totals(bucket)
    store.client.make_bucket(staged.staging)
    # A target that cannot encrypt as the bucket is to be refuses here, while nothing is touched.
    minio_settings.encrypt(store.client, staged.staging, settings)
    store.client.set_bucket_versioning(staged.staging, VersioningConfig(ENABLED))
    for entry, content in parts:
        assert isinstance(entry, Entry)
        totals.add(entry, _put(store.client, staged.staging, entry, content, report))  # type: ignore[arg-type]
    return staged, totals


def exchange(store: Store, staged: Staged, report: Report) -> None:
    """Put a loaded bucket in place of the target's, with its settings; done again from its start if it was cut off."""
    minio_buckets.remove(store.client, staged.bucket, bypass_governance=True)
    minio_settings.make(store.client, staged.bucket, staged.settings)
    for version in store.versions(staged.staging):
        if version.marker:
            store.client.remove_object(staged.bucket, version.key)
        else:
            _copy(store.client, staged, version)
        report(version.size)
    minio_settings.apply(store.client, staged.bucket, staged.settings)


def sums(store: Store, bucket: str, report: Report) -> Totals:
    """Read a bucket as it is now, and sum it as a set has it."""
    totals = Totals(bucket)
    key, order = "", 0
    for version in store.versions(bucket):
        order = order + 1 if version.key == key else 0
        key = version.key
        if version.marker:
            totals.add(Entry(key=key, order=order, marker=True), "")
            continue
        content = Content(store.client, bucket, version)
        try:
            while part := content.read(_PART_STEP_BYTES):
                report(len(part))
            totals.add(content.entry(order), content.sha256())
        finally:
            content.close()
    return totals


def sweep(client: Minio) -> None:
    """Remove what a restore has made beside the data, but not its journal."""
    for bucket in client.list_buckets():
        if bucket.name.startswith(TEMPORARY) and bucket.name != BUCKET:
            minio_buckets.remove(client, bucket.name)


def locked(store: Store, bucket: str) -> str | None:
    """Return a key that nobody may remove yet, because it is kept in compliance mode or held; None if there is none."""
    try:
        store.client.get_object_lock_config(bucket)
    except S3Error as error:
        if error.code not in ("ObjectLockConfigurationNotFoundError", "NoSuchBucket"):
            raise
        return None
    for version in store.versions(bucket):
        if not version.marker and _is_held(store.client, bucket, version):
            return version.key
    return None


def _is_held(client: Minio, bucket: str, version: Version) -> bool:
    stat = client.stat_object(bucket, version.key, version_id=version.id)
    told = {name.lower(): value for name, value in (stat.metadata or {}).items()}
    # A retention that is over is told all the same, and hinders nobody; that is so rare that it is taken for one that is not.
    return (
        told.get("x-amz-object-lock-mode") == "COMPLIANCE"
        or told.get("x-amz-object-lock-legal-hold", "").upper() == "ON"
    )


def _put(client: Minio, bucket: str, entry: Entry, content: IO[bytes], report: Report) -> str:
    """Write one version; return the checksum of its bytes, empty for a marker."""
    if entry.marker:
        client.remove_object(bucket, entry.key)
        return ""
    headers = dict(entry.headers)
    summed = Summed(content, report)
    least = -(-entry.size // _MOST_PARTS)
    part_bytes = max(_LEAST_PART_BYTES, -(-least // _PART_STEP_BYTES) * _PART_STEP_BYTES)
    client.put_object(
        bucket,
        entry.key,
        summed,  # type: ignore[arg-type]
        entry.size,
        content_type=headers.pop("content-type", _DEFAULT_TYPE),
        metadata=dict(headers),
        tags=_tags(entry.tags),
        part_size=part_bytes,
        num_parallel_uploads=1,
    )
    return summed.sha256()


def _copy(client: Minio, staged: Staged, version: Version) -> None:
    source = CopySource(staged.staging, version.key, version_id=version.id)
    if version.size <= _COPIED_AT_ONCE_BYTES:
        client.copy_object(staged.bucket, version.key, source)
        return
    # What is copied in parts has to be told again what belongs to it.
    content = Content(client, staged.staging, version)
    entry = content.entry(0)
    content.close()
    client.copy_object(
        staged.bucket,
        version.key,
        source,
        metadata=dict(entry.headers),
        tags=_tags(entry.tags),
        metadata_directive=REPLACE,
        tagging_directive=REPLACE,
    )


def _tags(tags: Mapping[str, str]) -> Tags | None:
    if not tags:
        return None
    made = Tags.new_object_tags()
    made.update(tags)
    return made
