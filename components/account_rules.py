"""Rules about users and passwords, each a sentence that names the key, its value, what is allowed and the fix."""

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from components import serials
from components.rules import HIDDEN, camel

if TYPE_CHECKING:
    from components.settings import Settings

# What the engines and this project name themselves.
RESERVED = {
    "postgres_user": ("postgres", "karen_administrator", "karen_owner", "karen_read_write", "karen_read_only", "karen_recovery"),
    "elasticsearch_user": ("elastic", "kibana", "kibana_system", "logstash_system", "beats_system", "apm_system", "remote_monitoring_user"),
    "minio_application_user": ("milvus-storage-1", "milvus-storage-2"),
    "milvus_user": ("root",),
}  # fmt: skip
RESERVED["postgres_reader"] = RESERVED["postgres_user"]
RESERVED["elasticsearch_reader"] = RESERVED["elasticsearch_user"]
RESERVED["minio_user"] = RESERVED["minio_application_user"]
# Two settings that must name two users.
_DIFFERENT = (
    ("postgres_reader", "postgres_user"),
    ("elasticsearch_reader", "elasticsearch_user"),
    ("minio_application_user", "minio_user"),
)
PASSWORD_FIELDS = ("postgres_password", "redis_password", "elasticsearch_password", "milvus_password", "minio_password")
_PASSWORD = re.compile(r"[ -~]{8,72}")


def problems(settings: "Settings") -> list[str]:
    """Return every violated rule as a sentence; empty when the settings fit together."""
    return [f"ai-karen-db:{sentence}" for rule in (_users, _passwords, _serials) for sentence in rule(settings)]


def _users(settings: "Settings") -> Iterator[str]:
    for field, reserved in RESERVED.items():
        value, default = getattr(settings, field), type(settings).model_fields[field].default
        if value in reserved or (field.startswith("postgres") and value.startswith("pg_")):
            yield (
                f"{camel(field)} is {value!r}: this is no application's name; allowed: any but {', '.join(reserved)}. "
                f"Fix: pulumi config set ai-karen-db:{camel(field)} {default}"
            )
    for field, other in _DIFFERENT:
        if getattr(settings, field) == getattr(settings, other):
            default = type(settings).model_fields[field].default
            yield (
                f"{camel(field)} is {getattr(settings, field)!r}: {camel(other)} is the same; each has rights of its own. "
                f"Fix: pulumi config set ai-karen-db:{camel(field)} {default if default != getattr(settings, other) else '<name>'}"
            )


def _passwords(settings: "Settings") -> Iterator[str]:
    for field in PASSWORD_FIELDS:
        secret = getattr(settings, field)
        value = HIDDEN if secret is None else secret.get_secret_value()
        if value != HIDDEN and not _PASSWORD.fullmatch(value):
            yield (
                f"{camel(field)} is {HIDDEN}: {len(value)} characters, or others than allowed: 8 to 72 printable ASCII characters. "
                f"Fix: pulumi config set --secret ai-karen-db:{camel(field)}, or pulumi config rm ai-karen-db:{camel(field)} for a generated one"
            )


def _serials(settings: "Settings") -> Iterator[str]:
    try:
        serials.parse(settings.password_serials)
    except ValueError as error:
        yield (
            f"passwordSerials is {settings.password_serials!r}: {error}. "
            "Fix: restore it from the stack's file as it was: ./karen rotate writes it"
        )
