"""MinIO's users besides its own: an application with one policy for each of its buckets, and Milvus with its bucket alone."""

from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from typing import Any

from minio import MinioAdmin
from minio.error import MinioAdminException

from init.engines import minio_buckets
from init.engines.base import Accounts, log, passwords, required
from init.protocol import Failure

# The driver's words for rights: the buckets of migrations; every bucket but the reserved ones; Milvus' bucket.
_BUCKETS, _EVERY, _STORAGE = "buckets", "owner", "storage"
_PREFIX = "ai-karen-"
_OBJECTS = ("s3:GetObject", "s3:PutObject", "s3:DeleteObject", "s3:AbortMultipartUpload", "s3:ListMultipartUploadParts")
_VERSIONS = ("s3:GetObjectVersion", "s3:DeleteObjectVersion", "s3:GetObjectTagging", "s3:PutObjectTagging")
_LISTING = (
    "s3:ListBucket",
    "s3:ListBucketVersions",
    "s3:ListBucketMultipartUploads",
    "s3:GetBucketLocation",
    "s3:GetBucketVersioning",
)
_ARN = "arn:aws:s3:::"


def grant(admin: MinioAdmin, accounts: Accounts, buckets: Iterable[str], lets_in: Callable[[str, str], bool]) -> None:
    """Give each account its secret key and its policies; `buckets` are those that there are, `lets_in` tries a user's key."""
    own = sorted(set(buckets) - set(minio_buckets.RESERVED))
    for account in accounts:
        policies = _policies(required(account, "rights", str), own)
        for name, policy in policies.items():
            admin.policy_add(name, policy=policy)
        user, accepted = required(account, "user", str), passwords(account)
        if not any(lets_in(user, one) for one in accepted[1:]):
            admin.user_add(user, accepted[0])
        admin.policy_set(",".join(sorted(policies)), user=user)


def remove(admin: MinioAdmin, user: str) -> None:
    """Remove a user; one that is gone is fine."""
    with suppress(MinioAdminException):
        admin.user_info(user)
        admin.user_remove(user)
        log("minio", f"removed the user {user}")


def _policies(rights: str, buckets: Iterable[str]) -> dict[str, dict[str, Any]]:
    """Return policies by name; BadRequest for rights that are not known."""
    if rights == _STORAGE:
        return {f"{_PREFIX}{_STORAGE}": _policy(_whole(minio_buckets.MILVUS))}
    if rights == _EVERY:
        reserved = [one for name in minio_buckets.RESERVED for one in (f"{_ARN}{name}", f"{_ARN}{name}/*")]
        allowed = _allow(["s3:*"], [f"{_ARN}*"])
        return {f"{_PREFIX}{_EVERY}": _policy(allowed, {**_allow(["s3:*"], reserved), "Effect": "Deny"})}
    if rights == _BUCKETS:
        return {f"{_PREFIX}bucket-{name}": _policy(*_use(name)) for name in buckets}
    told = f"minio: rights are {rights!r}; allowed: {_BUCKETS}, {_EVERY}, {_STORAGE}"
    raise Failure("BadRequest", told, "correct the request")


def _use(bucket: str) -> list[dict[str, Any]]:
    return [_allow(_LISTING, [f"{_ARN}{bucket}"]), _allow([*_OBJECTS, *_VERSIONS], [f"{_ARN}{bucket}/*"])]


def _whole(bucket: str) -> dict[str, Any]:
    return _allow(["s3:*"], [f"{_ARN}{bucket}", f"{_ARN}{bucket}/*"])


def _allow(actions: Iterable[str], resources: Iterable[str]) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": list(actions), "Resource": list(resources)}


def _policy(*statements: Mapping[str, Any]) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": list(statements)}
