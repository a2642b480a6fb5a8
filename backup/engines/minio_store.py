"""A connection to MinIO for backups: which buckets belong to a set, and every version of every object in order."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, cast
from urllib.parse import unquote_plus, urlsplit
from xml.etree import ElementTree as Tree

import urllib3
from minio import Minio
from minio.error import MinioException, S3Error
from minio.xml import findtext, unmarshal

from init import transport
from init.engines.base import first_line, required
from init.engines.minio import Driver
from init.engines.minio_buckets import MILVUS
from init.engines.minio_ledger import BUCKET as LEDGER
from init.migrations import schema_version
from init.protocol import Failure

SERVICE = "minio"
# What a restore makes beside the data; never part of a set.
TEMPORARY = "karen-restoring-"
_PROBE = "verification-"
_PAGE = 1000
_TIMEOUT = urllib3.Timeout(connect=5, read=600)
# Whoever comes while it starts or stops is told to come again in 60 s (`Retry-After`, minio/minio `http.Server.Init`), long after it is there.
RETRIES = urllib3.Retry(
    total=5, backoff_factor=0.2, status_forcelist=(503,), respect_retry_after_header=False, raise_on_status=False
)
_LOOK = "look at the MinIO container's log and run the same command again"


@dataclass(frozen=True, kw_only=True)
class Version:
    """One version of an object as it is listed: `id` is `null` where versioning was off, `size` is in bytes."""

    key: str
    id: str
    marker: bool
    size: int
    etag: str
    modified: str


@dataclass(frozen=True)
class _Page:
    """One answer to a listing of versions, in the server's order: by key, and of a key the newest first."""

    versions: list[Version]
    after: dict[str, str]

    @classmethod
    def fromxml(cls, element: Tree.Element) -> "_Page":
        """Read an answer. The client's own reader puts all markers behind all versions, and loses their order."""
        names = {child: child.tag.rpartition("}")[2] for child in element}
        versions = [_version(child, name) for child, name in names.items() if name in ("Version", "DeleteMarker")]
        after = {}
        if findtext(element, "IsTruncated") == "true":
            after["key-marker"] = unquote_plus(findtext(element, "NextKeyMarker", True) or "")
            after["version-id-marker"] = findtext(element, "NextVersionIdMarker") or ""
        return cls(versions, after)


@dataclass(frozen=True, kw_only=True)
class Store:
    """An open connection; `version` is the server's release, `schema` the version of its schema."""

    client: Minio
    version: str
    schema: str

    def buckets(self) -> list[str]:
        """Return the names of the buckets that belong to a set, sorted: all but Milvus' own and a restore's."""
        names = {bucket.name for bucket in self.client.list_buckets()}
        return sorted(name for name in names if name != MILVUS and not name.startswith(TEMPORARY))

    def versions(self, bucket: str) -> Iterator[Version]:
        """Yield every version of every object, markers included: by key, and of a key the oldest first."""
        of_key: list[Version] = []
        for version in self._listed(bucket):
            if of_key and of_key[0].key != version.key:
                yield from reversed(of_key)
                of_key = []
            of_key.append(version)
        yield from reversed(of_key)

    def _listed(self, bucket: str) -> Iterator[Version]:
        query = {"versions": "", "encoding-type": "url", "max-keys": str(_PAGE), "delimiter": "", "prefix": ""}
        after: Mapping[str, str] = {}
        while True:
            answer = self.client._execute("GET", bucket_name=bucket, query_params={**query, **after})
            page = unmarshal(_Page, answer.data.decode())
            yield from (one for one in page.versions if bucket != LEDGER or not one.key.startswith(_PROBE))
            if not page.after:
                return
            after = page.after


def _version(element: Tree.Element, name: str) -> Version:
    marker = name == "DeleteMarker"
    return Version(
        key=unquote_plus(cast(str, findtext(element, "Key", True))),
        id=findtext(element, "VersionId") or "null",
        marker=marker,
        size=0 if marker else int(findtext(element, "Size", True) or 0),
        etag=(findtext(element, "ETag") or "").strip('"'),
        modified=findtext(element, "LastModified", True) or "",
    )


@contextmanager
def opened(connection: Mapping[str, Any]) -> Iterator[Store]:
    """Provide a store; what the client raises becomes a Failure that says what the server said."""
    endpoint = urlsplit(required(connection, "endpoint", str))
    driver = Driver()  # type: ignore[abstract]
    # Its patience with a server that is starting, and its reading of a refused key, are the ones of every other job.
    driver.connect(connection)
    pool = urllib3.PoolManager(maxsize=4, timeout=_TIMEOUT, retries=RETRIES, **transport.urllib3(connection))
    try:
        ledger = driver.ledger()
        yield Store(
            client=Minio(
                endpoint.netloc,
                access_key=required(connection, "access_key", str),
                secret_key=required(connection, "secret_key", str),
                secure=endpoint.scheme == "https",
                region="us-east-1",
                http_client=pool,
            ),
            version=driver.server_version(),
            schema=schema_version(ledger),
        )
    except (MinioException, urllib3.exceptions.HTTPError) as error:
        raise _explained(error) from None
    finally:
        pool.clear()
        driver.close()


def _explained(error: Exception) -> Failure:
    if isinstance(error, S3Error) and error.code == "XMinioStorageFull":
        return Failure("DiskFull", f"{SERVICE}: the server's disk is full", "make room on the machine's disk")
    where = f" ({error.bucket_name})" if isinstance(error, S3Error) and error.bucket_name else ""
    reason = error.code if isinstance(error, S3Error) else first_line(error)
    return Failure("ConnectionFailed", f"{SERVICE}: {reason}{where}", _LOOK)
