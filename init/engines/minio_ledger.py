"""MinIO's ledger: one object that is only ever replaced as it was read."""

import io
import json
from datetime import timedelta
from typing import Any

import urllib3
from minio import Minio
from minio.error import S3Error

from init.engines.base import LedgerConflict
from init.migrations import LedgerEntry

BUCKET = "ai-karen-migrations"
_OBJECT = "ledger.json"
_SERVICE = "minio"
_SIGNED_FOR = timedelta(minutes=5)
_PRECONDITION_FAILED = 412


class Ledger:
    """Entries by name."""

    def __init__(self, client: Minio, pool: urllib3.PoolManager) -> None:
        self._client = client
        self._pool = pool
        self._tag: str | None = None
        self.entries: dict[str, LedgerEntry] = {}

    def read(self) -> tuple[LedgerEntry, ...]:
        """Read the object anew; () where there is none."""
        try:
            answer = self._client.get_object(BUCKET, _OBJECT)
        except S3Error as error:
            if error.code not in ("NoSuchKey", "NoSuchBucket"):
                raise
            self._tag, self.entries = None, {}
            return ()
        try:
            document: dict[str, Any] = json.loads(answer.data)
            self._tag = answer.headers["ETag"]
        finally:
            answer.close()
            answer.release_conn()
        self.entries = {name: LedgerEntry.parse(entry) for name, entry in document["entries"].items()}
        return tuple(self.entries[name] for name in sorted(self.entries))

    def replace(self, name: str, replacing: LedgerEntry | None, entry: LedgerEntry | None) -> None:
        """Put `entry` (None: nothing) in place of `replacing`; LedgerConflict if that is not what is there."""
        self.read()
        if self.entries.get(name) != replacing:
            raise LedgerConflict(_SERVICE, name)
        entries = {key: value for key, value in self.entries.items() if key != name}
        if entry is not None:
            entries[name] = entry
        self._put(name, entries)
        self.entries = entries

    def _put(self, name: str, entries: dict[str, LedgerEntry]) -> None:
        document = {"entries": {key: value.document() for key, value in sorted(entries.items())}}
        if not self._client.bucket_exists(BUCKET):
            self._client.make_bucket(BUCKET)
        # The client's own upload takes no condition; a signed address takes any.
        address = self._client.presigned_put_object(BUCKET, _OBJECT, expires=_SIGNED_FOR)
        condition = {"If-Match": self._tag} if self._tag else {"If-None-Match": "*"}
        body = json.dumps(document).encode()
        answer = self._pool.request(
            "PUT", address, body=io.BytesIO(body), headers={**condition, "Content-Length": str(len(body))}
        )
        if answer.status == _PRECONDITION_FAILED:
            raise LedgerConflict(_SERVICE, name)
        if answer.status >= 300:
            raise urllib3.exceptions.HTTPError(f"MinIO answered {answer.status} to a write of the ledger")
        self._tag = answer.headers["ETag"]
