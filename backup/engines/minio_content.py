"""The bytes of one version of an object: read from the server with their checksum, taken up where a connection broke."""

import hashlib
from collections.abc import Callable
from typing import IO

import urllib3
from minio import Minio
from minio.error import S3Error
from urllib3.response import BaseHTTPResponse

from backup.engines.minio_entries import Entry, kept, lock_of
from backup.engines.minio_store import Version

_ATTEMPTS = 5
_GONE = ("NoSuchKey", "NoSuchVersion", "NoSuchBucket", "MethodNotAllowed")


class Gone(Exception):
    """A version that was listed is not there any more."""


class Content:
    """A stream over one version, as it is at this moment; Gone if it was removed since it was listed."""

    def __init__(self, client: Minio, bucket: str, version: Version) -> None:
        self._client, self._bucket, self._version = client, bucket, version
        self._hash = hashlib.sha256()
        self._position = 0
        self._answer = self._open({})
        self._headers = list(self._answer.headers.items())
        self.size = int(self._answer.headers.get("Content-Length", "0"))
        self.modified = self._answer.headers.get("Last-Modified", "")
        self._etag = self._answer.headers.get("ETag", "")
        # Without versions, or under the version `null`, an object may be another one by now.
        self.replaced = self._etag.strip('"') != version.etag

    def entry(self, order: int) -> Entry:
        """Return what describes the version."""
        return Entry(
            key=self._version.key,
            order=order,
            marker=False,
            size=self.size,
            headers=kept(self._headers),
            tags=self._tags(),
            version=self._version.id,
            modified=self.modified,
            lock=lock_of(self._headers),
        )

    def read(self, size: int) -> bytes:
        """Return the next bytes, exactly as many as asked for while there are so many."""
        for attempt in range(_ATTEMPTS):
            try:
                part: bytes = self._answer.read(size, decode_content=False)
                if part or self._position == self.size:
                    break
            except urllib3.exceptions.HTTPError:
                if attempt == _ATTEMPTS - 1:
                    raise
            self._reopen()
        else:
            raise urllib3.exceptions.HTTPError(f"{self._bucket}: an object ended after {self._position} bytes")
        self._position += len(part)
        self._hash.update(part)
        return part

    def sha256(self) -> str:
        """Return the hexadecimal checksum of what was read."""
        return self._hash.hexdigest()

    def close(self) -> None:
        """Give the connection back, or close it where bytes are left."""
        if self._position < self.size:
            self._answer.close()
        self._answer.release_conn()

    def _reopen(self) -> None:
        self._answer.close()
        self._answer = self._open({"Range": f"bytes={self._position}-", "If-Match": self._etag})

    def _open(self, headers: dict[str, str | list[str] | tuple[str]]) -> BaseHTTPResponse:
        try:
            return self._client.get_object(
                self._bucket, self._version.key, request_headers=headers, version_id=self._version.id
            )
        except S3Error as error:
            if error.code not in _GONE or headers:
                raise
            raise Gone from None

    def _tags(self) -> dict[str, str]:
        if not any(name.lower() == "x-amz-tagging-count" for name, _ in self._headers):
            return {}
        try:
            found = self._client.get_object_tags(self._bucket, self._version.key, version_id=self._version.id)
        except S3Error as error:
            if error.code not in _GONE:
                raise
            self.close()
            raise Gone from None
        return dict(found or {})


class Summed:
    """A stream that is read through, with the checksum of what passed."""

    def __init__(self, stream: IO[bytes], report: Callable[[int], None]) -> None:
        self._stream, self._report = stream, report
        self._hash = hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        """Return the next bytes."""
        part = self._stream.read(size)
        self._hash.update(part)
        self._report(len(part))
        return part

    def sha256(self) -> str:
        """Return the hexadecimal checksum of what was read."""
        return self._hash.hexdigest()
