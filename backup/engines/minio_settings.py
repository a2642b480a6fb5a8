"""A bucket's settings as JSON: versioning, lifecycle, tags, policy, object lock and encryption; notifications are left out."""

from collections.abc import Callable, Mapping
from typing import Any

from minio import Minio
from minio.commonconfig import ENABLED, Tags
from minio.error import S3Error
from minio.lifecycleconfig import LifecycleConfig
from minio.objectlockconfig import ObjectLockConfig
from minio.sseconfig import SSEConfig
from minio.versioningconfig import VersioningConfig
from minio.xml import marshal, unmarshal

Settings = Mapping[str, Any]
_ABSENT = (
    "NoSuchBucketPolicy",
    "NoSuchLifecycleConfiguration",
    "NoSuchTagSet",
    "ObjectLockConfigurationNotFoundError",
    "ServerSideEncryptionConfigurationNotFoundError",
)


def read(client: Minio, bucket: str) -> dict[str, Any]:
    """Return what is set: XML as the server has it, a policy as its text, tags as an object; what is not set is left out."""
    found = {
        "versioning": _xml(client.get_bucket_versioning(bucket)),
        "lifecycle": _xml(_if_set(lambda: client.get_bucket_lifecycle(bucket))),
        "encryption": _xml(_if_set(lambda: client.get_bucket_encryption(bucket))),
        "lock": _xml(_if_set(lambda: client.get_object_lock_config(bucket))),
        "policy": _if_set(lambda: client.get_bucket_policy(bucket)),
        "tags": dict(_if_set(lambda: client.get_bucket_tags(bucket)) or {}),
    }
    return {key: value for key, value in found.items() if value}


def make(client: Minio, bucket: str, settings: Settings) -> None:
    """Make a bucket that takes every version: with a lock if it is to have one, encrypted as it is to be, and versioned.

    One that never was versioned is made so, as versions cannot be switched off again.
    """
    client.make_bucket(bucket, object_lock="lock" in settings)
    encrypt(client, bucket, settings)
    if unmarshal(VersioningConfig, settings["versioning"]).status and "lock" not in settings:
        client.set_bucket_versioning(bucket, VersioningConfig(ENABLED))


def encrypt(client: Minio, bucket: str, settings: Settings) -> None:
    """Let the server encrypt what comes into a bucket, where the settings say so."""
    if "encryption" in settings:
        client.set_bucket_encryption(bucket, unmarshal(SSEConfig, settings["encryption"]))


def apply(client: Minio, bucket: str, settings: Settings) -> None:
    """Set the rest, once the objects are there: a lock's default, for example, would hold every one of them."""
    if "tags" in settings:
        tags = Tags.new_bucket_tags()
        tags.update(settings["tags"])
        client.set_bucket_tags(bucket, tags)
    if "policy" in settings:
        client.set_bucket_policy(bucket, settings["policy"])
    if "lock" in settings:
        client.set_object_lock_config(bucket, unmarshal(ObjectLockConfig, settings["lock"]))
    versioning = unmarshal(VersioningConfig, settings["versioning"])
    if versioning.status and ("lock" not in settings or versioning.excluded_prefixes):
        client.set_bucket_versioning(bucket, versioning)
    if "lifecycle" in settings:
        client.set_bucket_lifecycle(bucket, unmarshal(LifecycleConfig, settings["lifecycle"]))


def _if_set(get: Callable[[], Any]) -> Any:
    try:
        return get()
    except S3Error as error:
        if error.code not in _ABSENT:
            raise
        return None


def _xml(config: Any) -> str:
    return marshal(config).decode() if config is not None else ""
