"""MinIO: one object of every bucket is read, and compared with the checksum that the server has of it."""

import hashlib
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import urllib3
from minio import Minio
from minio.error import MinioException

from backup.engines.minio_store import RETRIES
from backup.probes import Tell, failed
from backup.probes.pacing import Paced
from init import transport
from init.engines.base import first_line, required
from init.engines.minio_buckets import MILVUS

_ENGINE = "minio"
_TIMEOUT = urllib3.Timeout(connect=5, read=60)
_PIECE_BYTES = 1 << 20


def probe(connection: Mapping[str, Any], progress: Tell) -> str:
    """Read them; Milvus' own bucket is proven by searching Milvus."""
    parts = urlsplit(required(connection, "endpoint", str))
    pool = urllib3.PoolManager(timeout=_TIMEOUT, retries=RETRIES, **transport.urllib3(connection))
    client = Minio(
        parts.netloc,
        access_key=required(connection, "access_key", str),
        secret_key=required(connection, "secret_key", str),
        secure=parts.scheme == "https",
        region="us-east-1",
        http_client=pool,
    )
    tell, read = Paced(progress, _ENGINE), 0
    try:
        buckets = sorted(one.name for one in client.list_buckets() if one.name != MILVUS)
        for bucket in buckets:
            first = next(iter(client.list_objects(bucket, recursive=True)), None)
            if first is not None:
                _read(client, bucket, str(first.object_name), tell)
                read += 1
    except (MinioException, urllib3.exceptions.HTTPError) as error:
        raise failed(_ENGINE, first_line(error)) from None
    finally:
        pool.clear()
    return f"an object of each of {read} buckets read, {len(buckets) - read} are empty" if read else "no objects"


def _read(client: Minio, bucket: str, name: str, tell: Paced) -> None:
    known = client.stat_object(bucket, name)
    found, size = hashlib.md5(usedforsecurity=False), 0
    answer = client.get_object(bucket, name, version_id=known.version_id)
    try:
        for piece in answer.stream(_PIECE_BYTES):
            found.update(piece)
            size += len(piece)
            tell(f"{size / 1e6:.0f} of {(known.size or 0) / 1e6:.0f} MB of {bucket}/{name}")
    finally:
        answer.close()
        answer.release_conn()
    if size != known.size:
        raise failed(_ENGINE, f"{bucket}/{name} has {size} bytes, not {known.size}")
    # Of an object in several parts, or encrypted, it is something else.
    checksum, encrypted = str(known.etag).strip('"'), "x-amz-server-side-encryption" in (known.metadata or {})
    if len(checksum) == len(found.hexdigest()) and not encrypted and checksum != found.hexdigest():
        raise failed(_ENGINE, f"{bucket}/{name} has the MD5 {found.hexdigest()}, not {checksum}")
