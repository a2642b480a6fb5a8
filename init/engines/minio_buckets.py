"""Buckets as migration files describe them: `{"buckets": [{name, about, versioning, lifecycle}], "remove": [name]}`."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from minio import Minio
from minio.commonconfig import ENABLED, Filter
from minio.deleteobjects import DeleteObject
from minio.error import S3Error
from minio.lifecycleconfig import Expiration, LifecycleConfig, NoncurrentVersionExpiration, Rule
from minio.versioningconfig import SUSPENDED, VersioningConfig

from init.engines.base import failed, unsupported
from init.engines.minio_ledger import BUCKET
from init.migrations import Script

_SERVICE = "minio"
# Milvus' storage.
MILVUS = "milvus-data"
RESERVED = (BUCKET, MILVUS)
_KEYS = {"buckets", "remove", "timeout"}
_BUCKET_KEYS = {"name", "about", "versioning", "lifecycle"}
_RULE_KEYS = {"id", "prefix", "expire_after_days", "remove_old_versions_after_days"}


def parse(script: Script) -> dict[str, Any]:
    """Return the file's document; MigrationFailed names the key that is wrong."""
    if script.suffix != "json":
        raise unsupported(_SERVICE, script, "json")
    document: dict[str, Any] = json.loads(script.body)
    if not document or set(document) - _KEYS:
        raise failed(
            _SERVICE, script, f"its keys are {', '.join(document) or 'none'}; allowed: {', '.join(sorted(_KEYS))}"
        )
    for bucket in document.get("buckets", ()):
        if not isinstance(bucket, dict) or set(bucket) != _BUCKET_KEYS:
            raise failed(_SERVICE, script, f"a bucket has exactly the keys {', '.join(sorted(_BUCKET_KEYS))}")
        for rule in bucket["lifecycle"]:
            if not {"id", "prefix"} <= set(rule) <= _RULE_KEYS or len(rule) == 2:
                keys = ", ".join(sorted(_RULE_KEYS))
                raise failed(
                    _SERVICE, script, f"bucket {bucket['name']}: a lifecycle rule has id, prefix and days; keys: {keys}"
                )
    if not all(isinstance(name, str) for name in document.get("remove", ())):
        raise failed(_SERVICE, script, "remove is no list of bucket names")
    named = {*document.get("remove", ()), *(bucket["name"] for bucket in document.get("buckets", ()))}
    if reserved := sorted(named & set(RESERVED)):
        raise failed(_SERVICE, script, f"{', '.join(reserved)} is not an application's bucket")
    return document


def create(client: Minio, name: str) -> bool:
    """Make a bucket where it is missing, and tell whether it was."""
    if client.bucket_exists(name):
        return False
    client.make_bucket(name)
    return True


def set_rules(client: Minio, definition: Mapping[str, Any]) -> None:
    """Give a bucket the versioning and the lifecycle rules that a file describes."""
    name = definition["name"]
    if definition["versioning"]:
        client.set_bucket_versioning(name, VersioningConfig(ENABLED))
    elif client.get_bucket_versioning(name).status == ENABLED:
        # Once on, it cannot be taken away, only stopped.
        client.set_bucket_versioning(name, VersioningConfig(SUSPENDED))
    rules = [_rule(rule) for rule in definition["lifecycle"]]
    if rules:
        client.set_bucket_lifecycle(name, LifecycleConfig(rules))
    else:
        client.delete_bucket_lifecycle(name)


def remove(client: Minio, name: str, *, bypass_governance: bool = False) -> None:
    """Remove a bucket with every version of every object in it; one that is gone is fine.

    Objects that are kept for a time stay, and the bucket with them, unless those in governance mode are to go as well.
    """
    if not client.bucket_exists(name):
        return
    listed = client.list_objects(name, recursive=True, include_version=True)
    doomed = (DeleteObject(str(one.object_name), one.version_id) for one in listed)
    for error in client.remove_objects(name, doomed, bypass_governance_mode=bypass_governance):
        raise S3Error(None, error.code, error.message, error.name, None, None, bucket_name=name)  # type: ignore[arg-type]
    client.remove_bucket(name)


def objects(client: Minio, names: Iterable[str]) -> dict[str, str]:
    """Return versioning and lifecycle rules of these buckets."""
    found = {}
    for name in sorted(names):
        found[f"bucket {name}"] = f"versioning {client.get_bucket_versioning(name).status}"
        config = client.get_bucket_lifecycle(name)
        for rule in config.rules if config else ():
            found[f"rule {name}.{rule.rule_id}"] = _show(rule)
    return found


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


def _show(rule: Rule) -> str:
    parts = [rule.status, f"prefix '{rule.rule_filter.prefix or ''}'" if rule.rule_filter else "no filter"]
    if rule.expiration:
        parts.append(f"expires after {rule.expiration.days} days")
    if rule.noncurrent_version_expiration:
        parts.append(f"old versions removed after {rule.noncurrent_version_expiration.noncurrent_days} days")
    return ", ".join(parts)
