"""Rules between settings, each a sentence that names the key, its value, what is allowed and the fix."""

from collections.abc import Iterator
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from components.sizes import MEBIBYTE, show_size

if TYPE_CHECKING:
    from components.settings import Settings

# The least memory with which each server was seen to start and to initialize, in bytes.
MINIMUM_MEMORY = {
    "postgres_memory": 128 * MEBIBYTE,
    "redis_memory": 32 * MEBIBYTE,
    "elasticsearch_memory": 640 * MEBIBYTE,
    "etcd_memory": 64 * MEBIBYTE,
    "minio_memory": 256 * MEBIBYTE,
    "milvus_memory": 512 * MEBIBYTE,
    "monitoring_memory": 256 * MEBIBYTE,
    "backup_memory": 256 * MEBIBYTE,
    "relay_memory": 192 * MEBIBYTE,
}
MINIMUM_HEAP = 128 * MEBIBYTE
# What the virtual machine takes besides its heap: class metadata, code cache, threads and direct buffers.
HEAP_HEADROOM = 256 * MEBIBYTE
# One backend's resident memory at rest with small work_mem, measured with PostgreSQL 17 (about 5 MiB), rounded up.
POSTGRES_CONNECTION = 6 * MEBIBYTE
# What is shown of a secret, and what stands for one that only Pulumi can read.
HIDDEN = "[secret]"
_PORTS = {
    "postgres_port": None,
    "redis_port": "enable_redis",
    "elasticsearch_port": "enable_elasticsearch",
    "minio_port": "enable_minio",
    "minio_console_port": "enable_minio",
    "milvus_port": "enable_milvus",
    "monitoring_port": "enable_monitoring",
    "relay_port": "relayed",
}


def camel(field: str) -> str:
    """Return the configuration key of a field."""
    head, *rest = field.split("_")
    return head + "".join(part.title() for part in rest)


def show_default(value: object) -> str:
    """Return a default as one writes it in a configuration: sizes with a unit, flags in lower case."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int) and value >= MEBIBYTE:
        return show_size(value)
    return "<value>" if value is None else str(value)


def ports(settings: "Settings") -> dict[str, int]:
    """Return the host ports this stack publishes, by field name: none in production."""
    if settings.production:
        return {}
    return {
        field: getattr(settings, field) for field, flag in _PORTS.items() if flag is None or getattr(settings, flag)
    }


def problems(settings: "Settings") -> list[str]:
    """Return every violated rule as a sentence; empty when the settings fit together."""
    return [
        f"ai-karen-db:{sentence}"
        for rule in (_depends, _alerts, _memory, _heap, _paths, _ports)
        for sentence in rule(settings)
    ]


def _alerts(settings: "Settings") -> Iterator[str]:
    webhook = settings.alert_webhook.get_secret_value() if settings.alert_webhook else HIDDEN
    if webhook != HIDDEN and not is_address(webhook):
        yield "alertWebhook is no http:// or https:// address. Fix: pulumi config set --secret ai-karen-db:alertWebhook https://…"
    for field in ("alert_mail_from", "alert_mail_to"):
        if settings.alert_mail_server and not getattr(settings, field):
            yield (
                f"{camel(field)} is not set, but alertMailServer is: a mail needs a sender and recipients. "
                f"Fix: pulumi config set ai-karen-db:{camel(field)} <address>"
            )
    if settings.alert_mail_user and settings.alert_mail_security == "none":
        yield (
            "alertMailSecurity is none, but alertMailUser is set: a password is not sent in the open; allowed: starttls, tls. "
            "Fix: pulumi config set ai-karen-db:alertMailSecurity starttls"
        )
    password = settings.alert_mail_password.get_secret_value() if settings.alert_mail_password else ""
    if not (settings.alert_mail_user or "").isascii() or not password.isascii():
        yield (
            "alertMailUser or alertMailPassword has other than ASCII characters, which a mail server's login does not take. "
            "Fix: pulumi config set --secret ai-karen-db:alertMailPassword"
        )
    if (settings.alert_mail_user is None) != (settings.alert_mail_password is None):
        yield (
            "alertMailUser and alertMailPassword: one is set without the other. "
            "Fix: pulumi config set --secret ai-karen-db:alertMailPassword, or remove both"
        )


def _depends(settings: "Settings") -> Iterator[str]:
    if settings.enable_milvus and not settings.enable_minio:
        yield (
            "enableMinio is false, but enableMilvus is true: Milvus keeps its segments in MinIO and cannot start without it. "
            "Fix: pulumi config set ai-karen-db:enableMinio true, or disable Milvus as well"
        )


def is_address(text: str) -> bool:
    """Whether a text is an http:// or https:// address."""
    try:
        found = urlsplit(text)
        return found.scheme in ("http", "https") and bool(found.hostname) and found.port != 0
    except ValueError:
        return False


def _memory(settings: "Settings") -> Iterator[str]:
    for field, least in MINIMUM_MEMORY.items():
        if getattr(settings, field) < least:
            yield (
                f"{camel(field)} is {show_size(getattr(settings, field))}: below {show_size(least)} the server cannot start. "
                f"Fix: pulumi config set ai-karen-db:{camel(field)} {show_size(least)}"
            )
    needed = 64 * MEBIBYTE + settings.postgres_max_connections * POSTGRES_CONNECTION
    if settings.postgres_memory < needed:
        yield (
            f"postgresMaxConnections is {settings.postgres_max_connections}: with postgresMemory {show_size(settings.postgres_memory)} at most "
            f"{(settings.postgres_memory - 64 * MEBIBYTE) // POSTGRES_CONNECTION} connections fit. "
            f"Fix: pulumi config set ai-karen-db:postgresMemory {show_size(-(-needed // MEBIBYTE) * MEBIBYTE)}, or allow fewer"
        )


def _heap(settings: "Settings") -> Iterator[str]:
    heap, limit = settings.elasticsearch_heap, settings.elasticsearch_memory
    if heap < MINIMUM_HEAP:
        yield (
            f"elasticsearchHeap is {show_size(heap)}: below {show_size(MINIMUM_HEAP)} Elasticsearch runs out of memory as it starts. "
            f"Fix: pulumi config set ai-karen-db:elasticsearchHeap {show_size(MINIMUM_HEAP)}"
        )
    if heap + HEAP_HEADROOM > limit:
        yield (
            f"elasticsearchHeap is {show_size(heap)}: the container's limit elasticsearchMemory is {show_size(limit)}, and the virtual machine "
            f"needs {show_size(HEAP_HEADROOM)} besides its heap. Fix: pulumi config set ai-karen-db:elasticsearchMemory {show_size(heap + HEAP_HEADROOM)}"
        )


def _paths(settings: "Settings") -> Iterator[str]:
    database, backups = settings.duckdb_path, settings.duckdb_backup_path
    if database.count("/") < 2:
        yield f"duckdbPath is {database!r}: the file needs a directory of its own. Fix: pulumi config set ai-karen-db:duckdbPath /data/duckdb/kari_duckdb.db"
    home = database.rsplit("/", 1)[0]
    if not backups.startswith(home + "/") or backups == database or backups.startswith(database + "/"):
        yield f"duckdbBackupPath is {backups!r}: it must lie beside the database file, in {home}. Fix: pulumi config set ai-karen-db:duckdbBackupPath {home}/backups"
    host = settings.duckdb_host_directory
    if host is not None and (settings.production or not host.startswith("/")):
        yield (
            f"duckdbHostDirectory is {host!r}: an absolute path on this host, in development only (production keeps the file in a volume). "
            "Fix: pulumi config rm ai-karen-db:duckdbHostDirectory"
        )


def _ports(settings: "Settings") -> Iterator[str]:
    seen: dict[int, str] = {}
    for field, port in ports(settings).items():
        if port in seen:
            yield (
                f"{camel(field)} is {port}: {camel(seen[port])} is the same port; each service needs its own. "
                f"Fix: pulumi config set ai-karen-db:{camel(field)} {port + 1}"
            )
        seen.setdefault(port, field)
