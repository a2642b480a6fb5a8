"""MinIO, or another S3 store: buckets with versioning and lifecycle rules. The ledger is one object per migration."""

import io
import json
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import urllib3
from minio import Minio, MinioAdmin
from minio.commonconfig import ENABLED, Filter
from minio.credentials.providers import StaticProvider
from minio.error import MinioAdminException, MinioException, S3Error
from minio.lifecycleconfig import Expiration, LifecycleConfig, NoncurrentVersionExpiration, Rule
from minio.versioningconfig import VersioningConfig

from init.engines.base import Engine, LedgerEntry, Seeds, failed, first_line, required, retry, unsupported
from init.migrations import Migration
from init.protocol import Failure

_SERVICE = "minio"
_LEDGER_BUCKET = "system-artifacts"
_LEDGER_PREFIX = "migrations/minio/"
_PROBE_PREFIX = "temporary/verification-"
_COUNT_LIMIT = 100_000
_TIMEOUT = urllib3.Timeout(connect=5, read=30)
_REFUSED = ("InvalidAccessKeyId", "SignatureDoesNotMatch", "AccessDenied")
_FIX = "look at the MinIO container's log"


class Driver(Engine):
    """MinIO through its official client."""

    _client: Minio
    _administration: MinioAdmin
    _buckets: set[str]
    _pool: urllib3.PoolManager

    def connect(self, connection: Mapping[str, Any]) -> None:
        """Connect and learn the buckets, which also proves the credentials."""
        parts = urlsplit(required(connection, "endpoint", str))
        self._pool = urllib3.PoolManager(timeout=_TIMEOUT, retries=False)
        self._client = Minio(
            parts.netloc,
            access_key=required(connection, "access_key", str),
            secret_key=required(connection, "secret_key", str),
            secure=parts.scheme == "https",
            region="us-east-1",
            http_client=self._pool,
        )
        self._administration = MinioAdmin(
            endpoint=parts.netloc,
            credentials=StaticProvider(connection["access_key"], connection["secret_key"]),
            secure=parts.scheme == "https",
            http_client=self._pool,
        )
        self._buckets = retry(self._list_buckets, engine=_SERVICE, transient=_is_transient, fix=_FIX)

    def server_version(self) -> str:
        """Return MinIO's release, which only its administration protocol tells; another S3 store has none."""
        try:
            return str(json.loads(self._administration.info())["servers"][0]["version"])
        except (MinioException, MinioAdminException, ValueError, LookupError):
            return "S3"

    def ledger(self) -> tuple[LedgerEntry, ...]:
        """Read the ledger's objects; a fresh server has no bucket for them."""
        if _LEDGER_BUCKET not in self._buckets:
            return ()
        listed = self._client.list_objects(_LEDGER_BUCKET, prefix=_LEDGER_PREFIX)
        return tuple(self._read_entry(str(one.object_name)) for one in listed)

    def apply(self, migration: Migration) -> None:
        """Make the buckets and their rules as the file says, then record the migration; each step may be repeated."""
        if migration.suffix != "json":
            raise unsupported(_SERVICE, migration, "json")
        try:
            for definition in json.loads(migration.body)["buckets"]:
                self._make_bucket(definition)
            entry = {"checksum": migration.checksum, "applied_at": datetime.now(UTC).isoformat()}
            self._put(f"{_LEDGER_PREFIX}{migration.name}.json", json.dumps(entry).encode())
        except (ValueError, KeyError) as error:
            raise failed(_SERVICE, migration, f"not a list of bucket definitions: {first_line(error)}") from None
        except MinioException as error:
            raise failed(_SERVICE, migration, first_line(error)) from None

    def seed(self, seeds: Seeds) -> dict[str, int]:
        """Add nothing: buckets start empty."""
        return {}

    def verify(self) -> dict[str, int]:
        """Write, read and remove an object, and count every bucket's objects."""
        name, content = f"{_PROBE_PREFIX}{uuid.uuid4().hex}", uuid.uuid4().bytes
        version = self._put(name, content)
        try:
            found = self._get(name)
        finally:
            # With its version named the object is gone; without, a marker and an old version would stay.
            self._client.remove_object(_LEDGER_BUCKET, name, version_id=version)
        if found != content:
            raise Failure("VerificationFailed", "minio: an object was read otherwise than written", _FIX)
        return {bucket: self._count(bucket) for bucket in sorted(self._buckets)}

    def close(self) -> None:
        """Close the connections."""
        self._pool.clear()

    def _list_buckets(self) -> set[str]:
        try:
            return {bucket.name for bucket in self._client.list_buckets()}
        except S3Error as error:
            if error.code in _REFUSED:
                raise Failure("AuthenticationFailed", f"minio: {error.code}", "give it the configured keys") from None
            raise

    def _make_bucket(self, definition: Mapping[str, Any]) -> None:
        name = definition["name"]
        if name not in self._buckets:
            self._client.make_bucket(name)
            self._buckets.add(name)
        if definition["versioning"]:
            self._client.set_bucket_versioning(name, VersioningConfig(ENABLED))
        rules = [_rule(rule) for rule in definition["lifecycle"]]
        if rules:
            self._client.set_bucket_lifecycle(name, LifecycleConfig(rules))

    def _put(self, name: str, content: bytes) -> str | None:
        version: str | None = self._client.put_object(
            _LEDGER_BUCKET, name, io.BytesIO(content), len(content)
        ).version_id
        return version

    def _get(self, name: str) -> bytes:
        answer = self._client.get_object(_LEDGER_BUCKET, name)
        try:
            return bytes(answer.data)
        finally:
            answer.close()
            answer.release_conn()

    def _read_entry(self, name: str) -> LedgerEntry:
        entry = json.loads(self._get(name))
        migration = name.removeprefix(_LEDGER_PREFIX).removesuffix(".json")
        return LedgerEntry(migration, entry["checksum"], datetime.fromisoformat(entry["applied_at"]))

    def _count(self, bucket: str) -> int:
        """Count objects, up to a limit: a listing is a thousand a request."""
        count = 0
        for count, _ in enumerate(self._client.list_objects(bucket, recursive=True), start=1):
            if count >= _COUNT_LIMIT:
                break
        return count


def _rule(definition: Mapping[str, Any]) -> Rule:
    """Return a lifecycle rule; every number is in days."""
    expire, keep_old = definition.get("expire_after_days"), definition.get("remove_old_versions_after_days")
    return Rule(
        ENABLED,
        rule_id=definition["id"],
        rule_filter=Filter(prefix=definition["prefix"]),
        expiration=Expiration(days=expire) if expire else None,
        noncurrent_version_expiration=NoncurrentVersionExpiration(noncurrent_days=keep_old) if keep_old else None,
    )


def _is_transient(error: Exception) -> bool:
    """Whether a server that is starting would answer so."""
    starting = isinstance(error, S3Error) and error.code in (
        "XMinioServerNotInitialized",
        "ServiceUnavailable",
        "SlowDown",
    )
    return starting or isinstance(error, urllib3.exceptions.HTTPError)
