"""MinIO, or another S3 store: buckets with versioning and lifecycle rules. The ledger is one object in a bucket of its own."""

import io
import json
import uuid
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any
from urllib.parse import SplitResult, urlsplit

import urllib3
from minio import Minio, MinioAdmin
from minio.credentials.providers import StaticProvider
from minio.error import MinioAdminException, MinioException, S3Error

from init import transport
from init.engines import minio_accounts, minio_buckets
from init.engines.base import Accounts, Count, Engine, Seeds, Work, failed, first_line, not_wiped, required, retry
from init.engines.minio_ledger import BUCKET, Ledger
from init.migrations import LedgerEntry, Script
from init.protocol import Failure

_SERVICE = "minio"
_PROBE_PREFIX = "verification-"
_COUNT_LIMIT = 100_000
_TIMEOUT = urllib3.Timeout(connect=5, read=30)
_UNKNOWN = ("InvalidAccessKeyId", "SignatureDoesNotMatch")
_REFUSED = (*_UNKNOWN, "AccessDenied")
_FIX = "look at the MinIO container's log"


class Driver(Engine):
    """MinIO through its official client."""

    _client: Minio
    _administration: MinioAdmin
    _ledger: Ledger
    _pool: urllib3.PoolManager
    _must_exist: bool
    _endpoint: SplitResult

    def connect(self, connection: Mapping[str, Any]) -> None:
        """Connect and list the buckets, which proves the credentials."""
        self._endpoint = parts = urlsplit(required(connection, "endpoint", str))
        self._must_exist = bool(connection.get("must_exist"))
        self._pool = urllib3.PoolManager(timeout=_TIMEOUT, retries=False, **transport.urllib3(connection))
        self._client = self._opened(required(connection, "access_key", str), required(connection, "secret_key", str))
        self._administration = MinioAdmin(
            endpoint=parts.netloc,
            credentials=StaticProvider(connection["access_key"], connection["secret_key"]),
            secure=parts.scheme == "https",
            http_client=self._pool,
        )
        retry(self._list_buckets, engine=_SERVICE, transient=_is_transient, fix=_FIX)
        self._ledger = Ledger(self._client, self._pool)

    def server_version(self) -> str:
        """Return MinIO's release, which only its administration protocol tells; another S3 store has none."""
        try:
            return str(json.loads(self._administration.info())["servers"][0]["version"])
        except (MinioException, MinioAdminException, ValueError, LookupError):
            return "S3"

    def ledger(self) -> tuple[LedgerEntry, ...]:
        """Read the ledger's object; a fresh server has none."""
        return self._ledger.read()

    def write(self, entry: LedgerEntry, replacing: LedgerEntry | None) -> None:
        """Replace the object if it is as it was read."""
        self._ledger.replace(entry.name, replacing, entry)

    def remove(self, entry: LedgerEntry) -> None:
        """Replace the object by one without the entry."""
        self._ledger.replace(entry.name, entry, None)

    def check(self, script: Script) -> None:
        """Refuse what is no description of buckets."""
        minio_buckets.parse(script)

    def execute(self, script: Script, work: Work) -> None:
        """Make the buckets and their rules as the file says, and remove those that it removes; each step may be repeated."""
        document = minio_buckets.parse(script)
        made: list[str] = []
        try:
            for definition in document.get("buckets", ()):
                work.begin(f"bucket {definition['name']}")
                if minio_buckets.create(self._client, definition["name"]):
                    made.append(definition["name"])
                minio_buckets.set_rules(self._client, definition)
            for name in document.get("remove", ()):
                work.begin(f"remove bucket {name}")
                minio_buckets.remove(self._client, name)
        except S3Error as error:
            self._put_back(made, work)
            raise failed(_SERVICE, script, first_line(error)) from None

    def objects(self) -> dict[str, str]:
        """Read versioning and lifecycle rules of every bucket, without the ledger's and Milvus' own."""
        return minio_buckets.objects(self._client, self._list_buckets() - set(minio_buckets.RESERVED))

    def seed(self, seeds: Seeds) -> dict[str, int]:
        """Add nothing: buckets start empty."""
        return {}

    def probe(self) -> None:
        """Write, read and remove an object; who may not make the bucket has nothing to try without it."""
        if not self._client.bucket_exists(BUCKET):
            if self._must_exist:
                return
            self._client.make_bucket(BUCKET)
        name, content = f"{_PROBE_PREFIX}{uuid.uuid4().hex}", uuid.uuid4().bytes
        version = self._put(name, content)
        try:
            found = self._get(name)
        finally:
            # With its version named the object is gone; without, a marker and an old version would stay.
            self._client.remove_object(BUCKET, name, version_id=version)
        if found != content:
            raise Failure("VerificationFailed", "minio: an object was read otherwise than written", _FIX)

    def verify(self) -> dict[str, int]:
        """Probe, and count every bucket's objects."""
        self.probe()
        return {bucket: self._count(bucket) for bucket in sorted(self._list_buckets() - {BUCKET})}

    def contents(self) -> Mapping[str, Count]:
        """Count every bucket's objects with their versions, up to a limit, without the ledger's and Milvus' own."""
        names = sorted(self._list_buckets() - set(minio_buckets.RESERVED))
        counts = {name: self._count(name, versions=True) for name in names}
        return {name: {"at_least": count} if count >= _COUNT_LIMIT else count for name, count in counts.items()}

    def wipe(self) -> None:
        """Remove every bucket with all versions of its objects, the ledger's first; Milvus' own stays."""
        names = self._list_buckets() - {minio_buckets.MILVUS}
        try:
            # Without its ledger, what is left is made again by the next migration.
            for name in sorted(names, key=lambda name: (name != BUCKET, name)):
                minio_buckets.remove(self._client, name, bypass_governance=True)
        except (S3Error, urllib3.exceptions.HTTPError) as error:
            raise not_wiped(_SERVICE, first_line(error)) from None
        self._ledger = Ledger(self._client, self._pool)

    def grant(self, accounts: Accounts) -> None:
        """Set users, their policies and their secret keys."""
        minio_accounts.grant(self._administration, accounts, self._list_buckets(), self._lets_in)

    def change(self, account: Mapping[str, Any], former: str) -> None:
        """Set a user as `grant` does; requests that are signed with the former key are refused from then on."""
        self.grant([account])

    def retire(self, user: str) -> None:
        """Remove a user."""
        minio_accounts.remove(self._administration, user)

    def close(self) -> None:
        """Close the connections."""
        self._pool.clear()

    def _lets_in(self, user: str, key: str) -> bool:
        try:
            self._opened(user, key).list_buckets()
        except S3Error as error:
            # One who may see no bucket is let in.
            return error.code not in _UNKNOWN
        return True

    def _opened(self, user: str, key: str) -> Minio:
        return Minio(
            self._endpoint.netloc,
            access_key=user,
            secret_key=key,
            secure=self._endpoint.scheme == "https",
            region="us-east-1",
            http_client=self._pool,
        )

    def _put_back(self, made: Sequence[str], work: Work) -> None:
        """Remove what a file that failed has made; what cannot be is made by the next run as if it were new."""
        for name in made:
            work.begin(f"remove bucket {name}")
            with suppress(S3Error):
                minio_buckets.remove(self._client, name)

    def _list_buckets(self) -> set[str]:
        try:
            return {bucket.name for bucket in self._client.list_buckets()}
        except S3Error as error:
            if error.code in _REFUSED:
                raise Failure("AuthenticationFailed", f"minio: {error.code}", "give it the configured keys") from None
            raise

    def _put(self, name: str, content: bytes) -> str | None:
        version: str | None = self._client.put_object(BUCKET, name, io.BytesIO(content), len(content)).version_id
        return version

    def _get(self, name: str) -> bytes:
        answer = self._client.get_object(BUCKET, name)
        try:
            return bytes(answer.data)
        finally:
            answer.close()
            answer.release_conn()

    def _count(self, bucket: str, *, versions: bool = False) -> int:
        """Count objects, up to a limit: a listing is a thousand a request."""
        count = 0
        listed = self._client.list_objects(bucket, recursive=True, include_version=versions)
        for count, _ in enumerate(listed, start=1):
            if count >= _COUNT_LIMIT:
                break
        return count


def _is_transient(error: Exception) -> bool:
    """Whether a server that is starting would answer so."""
    starting = isinstance(error, S3Error) and error.code in (
        "XMinioServerNotInitialized",
        "ServiceUnavailable",
        "SlowDown",
    )
    return starting or isinstance(error, urllib3.exceptions.HTTPError)
