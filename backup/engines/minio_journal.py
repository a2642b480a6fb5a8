"""How far a restore came, in an object of a bucket of its own, so that a job that was killed is taken up by the next."""

import io
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from minio import Minio
from minio.error import S3Error

from backup.engines.minio_store import TEMPORARY
from init.engines import minio_buckets

BUCKET = f"{TEMPORARY}journal"
_OBJECT = "journal.json"
LOADING, LOADED, EXCHANGING, EXCHANGED = "loading", "loaded", "exchanging", "exchanged"


@dataclass
class Staged:
    """A bucket of the set, what it is to be set to, and the bucket that its objects were loaded into."""

    bucket: str
    staging: str
    settings: Mapping[str, Any]
    done: bool = False


@dataclass
class Journal:
    """One restore. `touched`: the target's data were begun to be replaced, by this or by an earlier restore that never ended."""

    set_id: str
    state: str = LOADING
    touched: bool = False
    buckets: list[Staged] = field(default_factory=list)


def read(client: Minio) -> Journal | None:
    """Return the journal, None where there is none."""
    try:
        answer = client.get_object(BUCKET, _OBJECT)
    except S3Error as error:
        if error.code not in ("NoSuchKey", "NoSuchBucket"):
            raise
        return None
    try:
        document = json.loads(answer.data)
    finally:
        answer.close()
        answer.release_conn()
    staged = [Staged(**one) for one in document.pop("buckets")]
    return Journal(**document, buckets=staged)


def write(client: Minio, journal: Journal) -> None:
    """Replace the journal in one request."""
    if not client.bucket_exists(BUCKET):
        client.make_bucket(BUCKET)
    body = json.dumps(asdict(journal)).encode()
    client.put_object(BUCKET, _OBJECT, io.BytesIO(body), len(body), content_type="application/json")


def remove(client: Minio) -> None:
    """Remove the journal with its bucket."""
    minio_buckets.remove(client, BUCKET)
