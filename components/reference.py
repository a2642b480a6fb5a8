"""What every setting is: type, unit, bounds and default from the model, and a sentence. `./karen config` and its page tell it."""

from dataclasses import dataclass
from typing import Any, Literal, get_args, get_origin

from pydantic.fields import FieldInfo

from backup.engines import NAMES
from components.account_rules import PASSWORD_FIELDS
from components.backup_rules import MINIMUM_WAL
from components.rules import MINIMUM_HEAP, MINIMUM_MEMORY, camel, show_default
from components.settings import SECRET, Port, Settings, Size
from components.sizes import show_size
from components.upgrade_rules import REPLACEABLE

# A sentence for each, in the model's order; `{}` stands for the service.
_SENTENCES = {
    "mode": "production publishes nothing, authenticates on every engine but etcd, encrypts, and protects its data",
    "image_source": "where images come from; probed once per machine where it is not set",
    "tls": "whether connections to every server are encrypted; where it is not set, they are in production, and are not in development",
    "enable_redis": "Redis; its volume and password stay when it is off",
    "enable_elasticsearch": "Elasticsearch; its volume and password stay when it is off",
    "enable_minio": "MinIO, which Milvus needs; its volume and password stay when it is off",
    "enable_milvus": "Milvus with etcd; their volumes and passwords stay when it is off",
    "enable_monitoring": "a monitor, which restarts what fails, tells whom it should, and serves metrics",
    "enable_backups": "a container that makes sets of backups by itself and keeps PostgreSQL's log; commands work without",
    "enable_relay": "a relay, which brings memories that applications write with `database/` to Elasticsearch and Milvus; none where both are off",
    "postgres_db": "the application's database",
    "postgres_user": "the application's user: reads and writes rows; in development it owns tables as well",
    "postgres_reader": "a user who only reads rows",
    "postgres_max_connections": "needs 6 MiB of postgresMemory for each",
    "redis_eviction_policy": "what Redis removes when three quarters of redisMemory hold data",
    "redis_append_only": "whether Redis writes every change to its append-only file, each second",
    "elasticsearch_heap": "of the virtual machine; at least 256m below elasticsearchMemory",
    "minio_console_port": "MinIO's console on 127.0.0.1, in development only",
    "elasticsearch_user": "the application's user: reads and writes documents; in development it makes indices as well",
    "elasticsearch_reader": "a user who only reads documents",
    "minio_user": "MinIO's root user, which no application is given",
    "minio_application_user": "the application's access key",
    "milvus_user": "the application's user, in production",
    "password_serials": "how often each password was changed; ./karen rotate writes it",
    "data_volumes": "which data volume each engine uses, after upgrades; ./karen upgrade writes it",
    "allow_replacing": "in production: whose containers the next update may make anew; these stop meanwhile",
    "duckdb_path": "the DuckDB file, as a container on the network sees it",
    "duckdb_backup_path": "where its backups go, below the file's directory",
    "monitoring_port": "where the monitor's metrics are read, on 127.0.0.1, in development only",
    "relay_port": "where the relay's metrics are read, on 127.0.0.1, in development only",
    "monitoring_interval": "between two checks of every engine",
    "alert_webhook": "where alerts are posted as JSON; set it with --secret",
    "alert_mail_server": "host and port of the mail server for alerts",
    "alert_mail_security": "how the mail server is talked to",
    "alert_mail_user": "if the mail server wants to know",
    "alert_mail_password": "likewise; set it with --secret",
    "alert_mail_from": "the sender of alerts",
    "alert_mail_to": "who gets them",
    "duckdb_host_directory": "development: where this host has the file; without it, in the machine's data directory",
    "wal_keep_size": "of its log at most PostgreSQL keeps while nobody archives it",
    "backup_target": "where backups go: the stack's own volume, a directory that exists and is given to the backups' user, or a bucket",
    "backup_endpoint": "of a bucket that is not Amazon's",
    "backup_access_key": "of the bucket; set it with --secret",
    "backup_secret_key": "of the bucket; set it with --secret",
    "backup_region": "of the bucket",
    "backup_schedule": "when a set is made, in UTC",
    "backup_keep": "how many sets are kept of each kind; the newest good one always is",
    "restore_damaged": "which engines `./karen backup restore --damaged` restores by itself where their data are damaged",
    "engine_socket": "the container engine's socket on its own host, which monitoring reaches through a restricted proxy",
}
# What other rules allow.
_ALLOWED = {
    **dict.fromkeys(PASSWORD_FIELDS, "8 to 72 printable ASCII characters"),
    "password_serials": "name=number, with + or - during a rotation",
    "data_volumes": "name=number, with + or - during an upgrade",
    "allow_replacing": f"none, or {', '.join(REPLACEABLE)} with commas between them",
    "wal_keep_size": f"from {show_size(MINIMUM_WAL)}",
    "backup_target": "volume, an absolute directory of the engine's host, s3://bucket/prefix",
    "backup_endpoint": "an http:// or https:// address",
    "backup_schedule": "a cron expression",
    "backup_keep": "last, hourly, daily, weekly, monthly and yearly, each with a number",
    "restore_damaged": f"none, or {', '.join(NAMES)} with commas between them",
}
# What the patterns mean.
_PATTERNS = {
    r"^[a-z_][a-z0-9_]{0,62}$": "lower-case letters, digits and underscores, at most 63",
    r"^(latest|\d{3})$": "latest, or three digits",
    r"^[A-Za-z0-9_-]{3,20}$": "3 to 20 letters, digits, dashes and underscores",
    r"^[A-Za-z][A-Za-z0-9_]{0,31}$": "a letter, then letters, digits and underscores, at most 32",
    r"^[A-Za-z0-9.-]+:[0-9]{1,5}$": "host:port",
    r"^[A-Za-z0-9-]{1,40}$": "letters, digits and dashes, at most 40",
    r"^[^@\s,;]+@[^@\s,;]+$": "an address",
    r"^[^@\s,;]+@[^@\s,;]+(,[^@\s,;]+@[^@\s,;]+)*$": "addresses, with commas between them",
    r"^(/[A-Za-z0-9_-][A-Za-z0-9._-]*)+$": "an absolute path without spaces",
    r"^(/[A-Za-z0-9._-]+)+$": "an absolute path without spaces",
}
_ENDINGS = {
    "_password": "the application's, instead of a generated one; set it with --secret, then ./karen rotate",
    "_port": "on 127.0.0.1, in development only",
    "_memory": "the container's limit; there is no swap",
    "_cpus": "the container's limit",
    "_schema_version": "where migrations stop, such as 002; ./karen migrate sets it",
}


_UNITS = {"cpus": "cores", "interval": "seconds"}


@dataclass(frozen=True)
class Entry:
    """One setting. `allowed` and `default` are as one writes them in a configuration."""

    field: str
    key: str
    type: str
    unit: str
    allowed: str
    default: str
    about: str


def entries() -> list[Entry]:
    """Return every setting, in the model's order."""
    return [_entry(field, info) for field, info in Settings.model_fields.items()]


def _entry(field: str, info: FieldInfo) -> Entry:
    kind, unit = _kind(field, info)
    default = "" if info.default is None else show_default(info.default)
    return Entry(field, camel(field), kind, unit, _allowed(field, info), default, _about(field))


def _about(field: str) -> str:
    ending = next((text for end, text in _ENDINGS.items() if field.endswith(end)), "")
    return _SENTENCES.get(field) or ending


def _kind(field: str, info: FieldInfo) -> tuple[str, str]:
    """Return what a value is, and its unit."""
    if field in SECRET:
        return "secret text", ""
    if get_origin(info.annotation) is Literal:
        return "choice", ""
    if _is(field, Size):
        return "size", "k, m or g (binary)"
    if _is(field, Port):
        return "port", ""
    names: dict[Any, str] = {bool: "flag", bool | None: "flag", int: "number", float: "number", str: "text"}
    return names.get(info.annotation, "text"), _UNITS.get(field.rpartition("_")[2], "")


def _is(field: str, alias: Any) -> bool:
    """Whether a field is annotated with one of our types."""
    found: bool = Settings.__annotations__[field] == alias
    return found


def _allowed(field: str, info: FieldInfo) -> str:
    if field in _ALLOWED:
        return _ALLOWED[field]
    if get_origin(info.annotation) is Literal:
        return ", ".join(get_args(info.annotation))
    if info.annotation in (bool, bool | None):
        return "true, false"
    least = MINIMUM_MEMORY.get(field) or (MINIMUM_HEAP if field == "elasticsearch_heap" else None)
    if least is not None:
        return f"from {show_size(least)}"
    # What may be missing has its bounds one level deeper.
    inner = [
        one
        for kind in get_args(info.annotation)
        for field in getattr(kind, "__metadata__", ())
        for one in _parts(field)
    ]
    bounds = {
        name: getattr(one, name)
        for one in (*info.metadata, *inner)
        for name in ("ge", "le", "pattern")
        if hasattr(one, name)
    }
    if "ge" in bounds and "le" in bounds:
        return f"{bounds['ge']} to {bounds['le']}"
    return _PATTERNS[bounds["pattern"]] if "pattern" in bounds else ""


def _parts(constraint: Any) -> list[Any]:
    return constraint.metadata if isinstance(constraint, FieldInfo) else []
