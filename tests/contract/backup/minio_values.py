"""Every kind of object and of setting that a MinIO holds, and what is read of them again."""

import io
import json
import os
from typing import Any

from minio import Minio
from minio.commonconfig import ENABLED, Filter, Tags
from minio.lifecycleconfig import LifecycleConfig, NoncurrentVersionExpiration, Rule
from minio.objectlockconfig import DAYS, ObjectLockConfig
from minio.versioningconfig import SUSPENDED, VersioningConfig

from backup.engines.minio_store import opened
from init.engines import minio_buckets

KEY = "🦀/日本語/ü +&%=#\t?"


def emptied(connection: dict[str, str]) -> Minio:
    """Return a client of the server, which is empty but for a bucket of Milvus'."""
    client = Minio(
        connection["endpoint"].removeprefix("http://"), connection["access_key"], connection["secret_key"], secure=False
    )
    for bucket in client.list_buckets():
        minio_buckets.remove(client, bucket.name, bypass_governance=True)
    client.make_bucket(minio_buckets.MILVUS)
    put(client, minio_buckets.MILVUS, "segment", b"vectors")
    return client


def put(client: Minio, bucket: str, key: str, content: bytes, **more: Any) -> None:
    client.put_object(bucket, key, io.BytesIO(content), len(content), **more)


def fill(client: Minio) -> None:
    """Every kind of value, and every setting."""
    for name in ("empty", "plain", "versions", "suspended"):
        client.make_bucket(name)
    client.make_bucket("locked", object_lock=True)
    put(client, "plain", KEY, "😀".encode(), content_type="text/plain; charset=utf-8")
    put(client, "plain", "zero", b"")
    put(client, "plain", "folder/", b"")
    tags = Tags.new_object_tags()
    tags["colour"] = "red + green"
    metadata: dict[str, Any] = {"owner": "karen", "Cache-Control": "no-cache", "Content-Encoding": "gzip"}
    put(client, "plain", "described", b"\x1f\x8bnot really", metadata=metadata, tags=tags)
    put(client, "plain", "large", os.urandom(1_000_000) * 20)
    client.set_bucket_versioning("versions", VersioningConfig(ENABLED))
    for number in range(3):
        put(client, "versions", "book", f"edition {number}".encode())
    client.remove_object("versions", "book")
    put(client, "versions", "book", b"edition 3")
    put(client, "versions", "gone", b"was here")
    client.remove_object("versions", "gone")
    put(client, "suspended", "note", b"before")
    client.set_bucket_versioning("suspended", VersioningConfig(ENABLED))
    put(client, "suspended", "note", b"during")
    client.set_bucket_versioning("suspended", VersioningConfig(SUSPENDED))
    client.set_object_lock_config("locked", ObjectLockConfig("GOVERNANCE", 1, DAYS))
    put(client, "locked", "contract", b"signed")
    rule = Rule(
        ENABLED,
        rule_id="old",
        rule_filter=Filter(prefix=""),
        noncurrent_version_expiration=NoncurrentVersionExpiration(noncurrent_days=30),
    )
    client.set_bucket_lifecycle("versions", LifecycleConfig([rule]))
    bucket_tags = Tags.new_bucket_tags()
    bucket_tags["team"] = "search"
    client.set_bucket_tags("plain", bucket_tags)
    statement = {
        "Effect": "Allow",
        "Principal": {"AWS": ["*"]},
        "Action": ["s3:GetObject"],
        "Resource": ["arn:aws:s3:::plain/*"],
    }
    client.set_bucket_policy("plain", json.dumps({"Version": "2012-10-17", "Statement": [statement]}))


def history(connection: dict[str, str], bucket: str) -> list[tuple[str, str | None]]:
    """Return every version's key and content (None: a marker), of each key the oldest first."""
    with opened(connection) as store:
        return [
            (
                one.key,
                None
                if one.marker
                else store.client.get_object(bucket, one.key, version_id=one.id).data.decode(errors="replace"),
            )
            for one in store.versions(bucket)
        ]
