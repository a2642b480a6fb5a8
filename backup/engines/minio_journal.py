"""The journal of a restore of buckets, and what it says of each of them."""

import io
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from minio import Minio
from minio.error import S3Error

from backup.engines.journal import Journal
from backup.engines.minio_store import SERVICE, TEMPORARY
from init.engines import minio_buckets

BUCKET = f"{TEMPORARY}journal"
_OBJECT = "journal.json"


@dataclass(frozen=True)
class Staged:
    """A bucket of the set, what it is to be set to, and the bucket that its objects were loaded into."""

    bucket: str
    staging: str
    settings: Mapping[str, Any]


class BucketJournal(Journal):
    """A journal in an object of a bucket of its own."""

    service = SERVICE

    def __init__(self, client: Minio) -> None:
        self._client = client

    def _load(self) -> bytes | None:
        try:
            answer = self._client.get_object(BUCKET, _OBJECT)
        except S3Error as error:
            if error.code not in ("NoSuchKey", "NoSuchBucket"):
                raise
            return None
        try:
            return answer.data
        finally:
            answer.close()
            answer.release_conn()

    def _store(self, content: bytes) -> None:
        if not self._client.bucket_exists(BUCKET):
            self._client.make_bucket(BUCKET)
        self._client.put_object(BUCKET, _OBJECT, io.BytesIO(content), len(content), content_type="application/json")

    def remove(self) -> None:
        """Remove the object with its bucket."""
        minio_buckets.remove(self._client, BUCKET)
