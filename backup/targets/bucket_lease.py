"""An object as a lock: made and replaced only under conditions, renewed while it is held, free when it was not for a while.

Ages are the store's own (its clock beside the object's time): this machine's clock does not matter. The store must know
conditional writes (`If-None-Match`, `If-Match`), as S3, MinIO, Ceph and R2 do.
"""

import json
import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

from backup.targets.bucket_trouble import Trouble, code_of
from backup.targets.locks import Guard, claim, patiently
from init.protocol import Failure

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

SECONDS = 60.0
_LOST = {"PreconditionFailed", "ConditionalRequestConflict", "412", "409"}


class Lease:
    """One holder's. `seconds` is how long it lasts without a renewal; it is renewed three times as often."""

    def __init__(self, client: "S3Client", bucket: str, key: str, trouble: Trouble, seconds: float = SECONDS) -> None:
        self._client, self._bucket, self._key, self._trouble = client, bucket, key, trouble
        self._seconds = seconds
        self._token = secrets.token_hex(16)
        self._tag = ""
        self._renewed = 0.0
        self._lost = False
        self._document: dict[str, Any] = {}
        self._end = threading.Event()

    @contextmanager
    def held(self, holder: str, wait_seconds: float) -> Iterator[Guard]:
        """Have it until the context ends; Failure `Locked` if another one has it all the time."""
        self._document = {**claim(holder), "token": self._token, "seconds": self._seconds}
        patiently(self._attempt, self._trouble.target, wait_seconds)
        renewing = threading.Thread(target=self._renew, name="lease", daemon=True)
        renewing.start()
        try:
            yield self.guard
        finally:
            self._end.set()
            renewing.join()
            # One that cannot be given back ends by itself.
            with suppress(Failure):
                self._put({"seconds": 0}, IfMatch=self._tag)

    def guard(self) -> None:
        """Raise Failure `Locked` where another one may have it by now."""
        if self._lost or time.monotonic() - self._renewed > self._seconds:
            message = f"{self._trouble.target}: the lock was lost, for it could not be renewed in time"
            raise Failure("Locked", message, "look at the way to the store, and try again")

    def _attempt(self) -> dict[str, Any] | None:
        """Take it; return what stands in it if another one has it."""
        if self._put(self._document, IfNoneMatch="*"):
            return None
        found, tag, age = self._read()
        if found.get("token") == self._token:
            # The answer to an earlier request was lost on its way.
            self._tag, self._renewed = tag, time.monotonic()
            return None
        # A store's times are in whole seconds; one that was given back has no time left.
        left = float(found.get("seconds", 0))
        expired = age > left + 1 or not left
        return None if expired and tag and self._put(self._document, IfMatch=tag) else found

    def _renew(self) -> None:
        """Renew it until the context ends, or until it is another one's."""
        while not self._end.wait(self._seconds / 3):
            with suppress(Failure):
                if self._put(self._document, IfMatch=self._tag):
                    continue
                found, tag, _ = self._read()
                self._lost = found.get("token") != self._token
                if self._lost:
                    return
                self._tag, self._renewed = tag, time.monotonic()

    def _put(self, document: dict[str, Any], **condition: str) -> bool:
        """Write under a condition; return whether it was met."""
        from botocore.exceptions import ClientError

        began = time.monotonic()
        body: Any = json.dumps(document).encode()
        with self._trouble.explained(self._key):
            try:
                answer = self._client.put_object(Bucket=self._bucket, Key=self._key, Body=body, **condition)  # type: ignore[arg-type]
            except ClientError as error:
                if code_of(error) in _LOST:
                    return False
                raise
        self._tag, self._renewed = answer["ETag"], began
        return True

    def _read(self) -> tuple[dict[str, Any], str, float]:
        """Return what stands in it, its tag, and how old the store says it is; ({}, "", 0) where it is gone."""
        from botocore.exceptions import ClientError

        with self._trouble.explained(self._key):
            try:
                answer = self._client.get_object(Bucket=self._bucket, Key=self._key)
            except ClientError as error:
                if code_of(error) == "NoSuchKey":
                    return {}, "", 0.0
                raise
            now = parsedate_to_datetime(answer["ResponseMetadata"]["HTTPHeaders"]["date"])
            age = (now - answer["LastModified"]).total_seconds()
            return dict(json.loads(answer["Body"].read())), answer["ETag"], age
