"""Streams to and from an object, in bounded memory."""

import io
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from backup.targets.bucket_trouble import Trouble
from init.protocol import Failure

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client
    from types_boto3_s3.type_defs import CompletedPartTypeDef

# A store takes 10000 parts at most: they double every 2000, up to this, which makes 360 GB and is all that memory holds.
_PART_BYTES, _LARGEST_PART_BYTES, _PARTS_OF_A_SIZE = 8 << 20, 64 << 20, 2000
_ATTEMPTS = 5


def part_bytes(number: int) -> int:
    """Return the size of an upload's part; numbers begin with 1."""
    return min(_PART_BYTES << ((number - 1) // _PARTS_OF_A_SIZE), _LARGEST_PART_BYTES)


class Upload(io.RawIOBase):
    """Writes an object: at once where it is no more than a part, else in parts that only `finish` puts together."""

    def __init__(
        self, client: "S3Client", bucket: str, key: str, trouble: Trouble, announce: Callable[[], str]
    ) -> None:
        """`announce` is called before an upload in parts begins; `announced` is what it returned."""
        self._client, self._bucket, self._key, self._trouble, self._announce = client, bucket, key, trouble, announce
        self._buffer = bytearray()
        self._upload = self.announced = ""
        self._parts: list[CompletedPartTypeDef] = []

    def writable(self) -> bool:
        return True

    def write(self, data: Any, /) -> int:
        """Take all of it; nothing beyond one part stays in memory."""
        view = memoryview(data).cast("B")
        offset = 0
        while offset < len(view):
            room = part_bytes(len(self._parts) + 1) - len(self._buffer)
            self._buffer += view[offset : offset + room]
            offset += min(room, len(view) - offset)
            if len(self._buffer) == part_bytes(len(self._parts) + 1):
                self._send()
        return len(view)

    def finish(self) -> None:
        """Make the object."""
        with self._trouble.explained(self._key):
            if not self._upload:
                self._client.put_object(Bucket=self._bucket, Key=self._key, Body=bytes(self._buffer))
                return
            if self._buffer:
                self._send()
            self._client.complete_multipart_upload(
                Bucket=self._bucket, Key=self._key, UploadId=self._upload, MultipartUpload={"Parts": self._parts}
            )

    def abort(self) -> None:
        """Give up the parts that were sent."""
        self._buffer.clear()
        if self._upload:
            with self._trouble.explained(self._key):
                self._client.abort_multipart_upload(Bucket=self._bucket, Key=self._key, UploadId=self._upload)

    def _send(self) -> None:
        with self._trouble.explained(self._key):
            if not self._upload:
                self.announced = self._announce()
                answer = self._client.create_multipart_upload(Bucket=self._bucket, Key=self._key)
                self._upload = answer["UploadId"]
            number = len(self._parts) + 1
            body: Any = self._buffer
            sent = self._client.upload_part(
                Bucket=self._bucket, Key=self._key, UploadId=self._upload, PartNumber=number, Body=body
            )
        self._parts.append({"ETag": sent["ETag"], "PartNumber": number})
        self._buffer = bytearray()


class Download(io.RawIOBase):
    """Reads one version of an object; goes on where a connection broke."""

    def __init__(self, client: "S3Client", bucket: str, key: str, trouble: Trouble) -> None:
        """Failure `NotFound` if there is no such object."""
        self._client, self._bucket, self._key, self._trouble = client, bucket, key, trouble
        self._offset = 0
        self._body: Any = None
        with trouble.explained(key):
            answer = client.get_object(Bucket=bucket, Key=key)
        self._body, self._size, self._tag = answer["Body"], answer["ContentLength"], answer["ETag"]

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int:
        """Fill what it can; TargetFailed after the fifth connection that brings nothing."""
        failure: Failure | None = None
        for _ in range(_ATTEMPTS if self._offset < self._size else 0):
            try:
                with self._trouble.explained(self._key):
                    self._again()
                    data = self._body.read(len(buffer))
            except Failure as error:
                failure = error
                self._drop()
                continue
            if data:
                buffer[: len(data)] = data
                self._offset += len(data)
                return len(data)
            self._drop()
        if failure:
            raise failure
        if self._offset < self._size:
            fix = "look at the store's log, and try again"
            raise Failure("TargetFailed", f"{self._trouble.target}: {self._key}: the store ends too early", fix)
        return 0

    def close(self) -> None:
        """Give the connection back."""
        self._drop()
        super().close()

    def _again(self) -> None:
        """Ask for the rest, of the same version, where there is no connection."""
        if self._body is None:
            answer = self._client.get_object(
                Bucket=self._bucket, Key=self._key, Range=f"bytes={self._offset}-", IfMatch=self._tag
            )
            self._body = answer["Body"]

    def _drop(self) -> None:
        body, self._body = self._body, None
        if body is not None:
            with suppress(Exception):
                body.close()
