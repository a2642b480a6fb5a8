"""Rules between the settings of backups, each a sentence that names the key, its value, what is allowed and the fix."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from components.backup_target import BackupTarget
from components.rules import HIDDEN, camel, is_address
from components.sizes import MEBIBYTE, show_size

if TYPE_CHECKING:
    from components.settings import Settings

# Four segments: with fewer, a restart of the archive's reader would cost the archive.
MINIMUM_WAL = 64 * MEBIBYTE
_BUCKET_KEYS = ("backup_access_key", "backup_secret_key")


def problems(settings: "Settings") -> list[str]:
    """Return every violated rule as a sentence; empty when the settings fit together."""
    return [
        f"ai-karen-db:{sentence}"
        for rule in (_target, _endpoint, _schedule, _keep, _damaged, _wal)
        for sentence in rule(settings)
    ]


def _target(settings: "Settings") -> Iterator[str]:
    try:
        bucket = BackupTarget.parse(settings.backup_target).bucket
    except ValueError as error:
        yield f"backupTarget is {settings.backup_target!r}: {error}. Fix: pulumi config set ai-karen-db:backupTarget volume"
        return
    for field in _BUCKET_KEYS:
        there = getattr(settings, field) is not None
        if bucket and not there:
            yield (
                f"{camel(field)} is not set, but backupTarget is {settings.backup_target!r}: a bucket is opened with two keys. "
                f"Fix: pulumi config set --secret ai-karen-db:{camel(field)}"
            )
        if there and not bucket:
            yield (
                f"{camel(field)} is {HIDDEN}, but backupTarget is {settings.backup_target!r}, which needs none. "
                f"Fix: pulumi config rm ai-karen-db:{camel(field)}, or pulumi config set ai-karen-db:backupTarget s3://…"
            )


def _endpoint(settings: "Settings") -> Iterator[str]:
    endpoint = settings.backup_endpoint
    if endpoint is None:
        return
    if not is_address(endpoint):
        yield f"backupEndpoint is {endpoint!r}: no http:// or https:// address. Fix: pulumi config set ai-karen-db:backupEndpoint https://…"
    if not settings.backup_target.startswith("s3://"):
        yield (
            f"backupEndpoint is {endpoint!r}, but backupTarget is {settings.backup_target!r}: only a bucket has an endpoint. "
            "Fix: pulumi config rm ai-karen-db:backupEndpoint, or pulumi config set ai-karen-db:backupTarget s3://…"
        )


def _schedule(settings: "Settings") -> Iterator[str]:
    default = _default(settings, "backup_schedule")
    if settings.backup_schedule == default:
        return
    from backup.schedule import validated

    try:
        validated(settings.backup_schedule)
    except ValueError as error:
        yield f"backupSchedule: {error}. Fix: pulumi config set ai-karen-db:backupSchedule '{default}'"


def _keep(settings: "Settings") -> Iterator[str]:
    default = _default(settings, "backup_keep")
    if settings.backup_keep == default:
        return
    from backup.configuration import retention

    try:
        retention(settings.backup_keep)
    except ValueError as error:
        yield f"backupKeep is {settings.backup_keep!r}: {error}. Fix: pulumi config set ai-karen-db:backupKeep {default}"


def _damaged(settings: "Settings") -> Iterator[str]:
    named, shown = settings.restored_when_damaged, f"restoreDamaged is {settings.restore_damaged!r}"
    if not named:
        return
    from backup.engines import NAMES

    if unknown := [repr(name) for name in named if name not in NAMES]:
        yield (
            f"{shown}: {', '.join(unknown)} is nothing that a set has; allowed: none, or {', '.join(NAMES)} with commas between them. "
            "Fix: pulumi config set ai-karen-db:restoreDamaged none"
        )
    if not settings.enable_backups:
        yield (
            f"{shown}, but enableBackups is false: nothing makes the sets that this wants by itself. "
            "Fix: pulumi config set ai-karen-db:enableBackups true, or pulumi config rm ai-karen-db:restoreDamaged"
        )


def _default(settings: "Settings", field: str) -> str:
    """Return a default, which needs no check: what checks is imported only for what somebody has set."""
    return str(type(settings).model_fields[field].default)


def _wal(settings: "Settings") -> Iterator[str]:
    if settings.wal_keep_size < MINIMUM_WAL:
        yield (
            f"walKeepSize is {show_size(settings.wal_keep_size)}: below {show_size(MINIMUM_WAL)} the archive would break at every restart. "
            f"Fix: pulumi config set ai-karen-db:walKeepSize {show_size(MINIMUM_WAL)}"
        )
