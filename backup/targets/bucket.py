"""A bucket of any store that speaks S3 as a target; what is written appears whole, or not at all."""

import json
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from io import BufferedReader, BufferedWriter
from typing import IO, TYPE_CHECKING, Any

from backup.targets.base import Item
from backup.targets.bucket_lease import Lease
from backup.targets.bucket_streams import Download, Upload
from backup.targets.bucket_trouble import Trouble, seconds_until_again
from backup.targets.locks import NAME, Guard
from init.protocol import Failure

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

_BUFFER_BYTES = 1 << 20
# An object for each upload in parts that is on its way: stores differ in which unfinished uploads they list.
_UPLOADS = ".uploads/"


@dataclass(frozen=True, kw_only=True)
class Place:
    """Which bucket, and with which keys. `endpoint` is an URL; `prefix` is put in front of every path, with a slash."""

    endpoint: str
    bucket: str
    access_key: str = field(repr=False)
    secret_key: str = field(repr=False)
    prefix: str = ""
    region: str = "us-east-1"


class Bucket:
    """Objects of a bucket that must be there. Files of up to 8 MiB are one request, larger ones are uploaded in parts."""

    def __init__(self, place: Place) -> None:
        """Connect to nothing yet."""
        self._client = _client(place)
        self._bucket = place.bucket
        self._prefix = f"{place.prefix.strip('/')}/" if place.prefix.strip("/") else ""
        self._shown = f"bucket {place.bucket} at {place.endpoint}" + (f", {self._prefix}" if self._prefix else "")
        self._trouble = Trouble(self._shown)

    def __str__(self) -> str:
        return self._shown

    @contextmanager
    def write(self, path: str) -> Iterator[IO[bytes]]:
        """Return a stream; the object is there, whole, when the context ends, and not at all after an exception."""
        upload = Upload(self._client, self._bucket, self._prefix + path, self._trouble, lambda: self._announce(path))
        stream = BufferedWriter(upload, _BUFFER_BYTES)
        try:
            yield stream
            stream.flush()
            upload.finish()
        except BaseException:
            upload.close()
            # What cannot be reached now is removed by the next sweep.
            with suppress(Failure):
                upload.abort()
                self._withdraw(upload)
            raise
        # The object is there: a mark that stays is the next sweep's.
        with suppress(Failure):
            self._withdraw(upload)

    @contextmanager
    def read(self, path: str) -> Iterator[IO[bytes]]:
        """Return a stream; Failure `NotFound` if there is no such object. A connection that breaks is made anew."""
        with BufferedReader(
            Download(self._client, self._bucket, self._prefix + path, self._trouble), _BUFFER_BYTES
        ) as it:
            yield it

    def items(self, prefix: str = "") -> Iterator[Item]:
        """Return every object whose path begins so, sorted by path; unfinished ones are not among them."""
        for item in self._listed(prefix):
            if item.path != NAME and not item.path.startswith(_UPLOADS):
                yield item

    def remove(self, path: str) -> None:
        """Remove an object; nothing to do if it is not there."""
        with self._trouble.explained(path):
            self._client.delete_object(Bucket=self._bucket, Key=self._prefix + path)

    def sweep(self, prefix: str = "") -> int:
        """Abort uploads that were never finished; return how many. Only who has the target's lock may."""
        count = 0
        for item in list(self._listed(_UPLOADS)):
            with self.read(item.path) as stream:
                path = str(json.loads(stream.read())["path"])
            if path.startswith(prefix):
                count += self._abort_uploads(self._prefix + path)
                self.remove(item.path)
        return count

    def free(self) -> int | None:
        """Return None: a bucket does not tell."""
        return None

    @contextmanager
    def locked(self, holder: str, wait_seconds: float) -> Iterator[Guard]:
        """Have the bucket's prefix by a lease, which is renewed; Failure `Locked` says who has it since when."""
        lease = Lease(self._client, self._bucket, self._prefix + NAME, self._trouble)
        with lease.held(holder, wait_seconds) as guard:
            yield guard

    def _announce(self, path: str) -> str:
        """Record that an upload in parts begins, before it does; return where."""
        key = f"{self._prefix}{_UPLOADS}{secrets.token_hex(8)}"
        body = json.dumps({"path": path}).encode()
        with self._trouble.explained(path):
            self._client.put_object(Bucket=self._bucket, Key=key, Body=body)
        return key

    def _withdraw(self, upload: Upload) -> None:
        if upload.announced:
            with self._trouble.explained(upload.announced):
                self._client.delete_object(Bucket=self._bucket, Key=upload.announced)

    def _abort_uploads(self, key: str) -> int:
        """Abort every upload to one object. The exact key as prefix is what every store lists."""
        count = 0
        with self._trouble.explained(key):
            pages = self._client.get_paginator("list_multipart_uploads").paginate(Bucket=self._bucket, Prefix=key)
            for upload in [one for page in pages for one in page.get("Uploads", ()) if one["Key"] == key]:
                identifier = upload["UploadId"]
                self._client.abort_multipart_upload(Bucket=self._bucket, Key=key, UploadId=identifier)
                count += 1
        return count

    def _listed(self, prefix: str) -> Iterator[Item]:
        with self._trouble.explained(prefix):
            pages = self._client.get_paginator("list_objects_v2").paginate(
                Bucket=self._bucket, Prefix=self._prefix + prefix
            )
            for page in pages:
                for found in page.get("Contents", ()):
                    yield Item(
                        path=found["Key"].removeprefix(self._prefix),
                        size=found["Size"],
                        modified=found["LastModified"].timestamp(),
                    )


def _client(place: Place) -> "S3Client":
    """Return a client that takes nothing from this machine's environment but its proxies and certificates."""
    import boto3
    from botocore.config import Config

    options: dict[str, Any] = {
        "signature_version": "s3v4",
        "retries": {"max_attempts": 4, "mode": "standard"},
        "connect_timeout": 5,
        "read_timeout": 60,
        # Every request's body is signed with its SHA-256: all stores check that, not all know the newer checksums.
        "s3": {"addressing_style": "path", "payload_signing_enabled": True},
        "request_checksum_calculation": "when_required",
        "response_checksum_validation": "when_required",
    }
    session = boto3.session.Session(
        aws_access_key_id=place.access_key, aws_secret_access_key=place.secret_key, region_name=place.region
    )
    client: S3Client = session.client("s3", endpoint_url=place.endpoint, config=Config(**options))
    until_again: Any = seconds_until_again
    client.meta.events.register_first("needs-retry.s3", until_again)
    return client
