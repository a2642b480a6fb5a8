"""What a stack is told: typed, frozen, validated once. The only place that reads `pulumi.Config`."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, ValidationError, model_validator
from pydantic.alias_generators import to_camel

from components import account_rules, backup_rules, rules, upgrade_rules
from components.serials import Serial, parse
from components.sizes import parse_size
from components.versions import UPGRADABLE

PROJECT = "ai-karen-db"

Size = Annotated[int, BeforeValidator(parse_size)]
Port = Annotated[int, Field(ge=1024, le=65535)]
Cpus = Annotated[float, Field(ge=0.1, le=256)]
Name = Annotated[str, Field(pattern=r"^[a-z_][a-z0-9_]{0,62}$")]
ContainerPath = Annotated[str, Field(pattern=r"^(/[A-Za-z0-9_-][A-Za-z0-9._-]*)+$")]
HostPath = Annotated[str, Field(pattern=r"^(/[A-Za-z0-9._-]+)+$")]
SchemaVersion = Annotated[str, Field(pattern=r"^(latest|\d{3})$")]
Address = Annotated[str, Field(pattern=r"^[^@\s,;]+@[^@\s,;]+$")]
EvictionPolicy = Literal[
    "noeviction", "allkeys-lru", "allkeys-lfu", "allkeys-random", "volatile-lru", "volatile-lfu", "volatile-random",
    "volatile-ttl",
]  # fmt: skip
# A value that only Pulumi can read, as in a stack's file, stands for itself.
Secret = Annotated[SecretStr, BeforeValidator(lambda value: rules.HIDDEN if isinstance(value, Mapping) else value)]


class SettingsError(ValueError):
    """The configuration cannot be used; `problems` holds one complete sentence each."""

    def __init__(self, problems: list[str]) -> None:
        self.problems = problems
        super().__init__(
            "The configuration is not valid; nothing was changed.\n" + "\n".join(f"  - {p}" for p in problems)
        )


class Settings(BaseModel):
    """Every setting of a stack. Memory sizes are bytes; ports are on the host, 127.0.0.1 only, in development."""

    model_config = ConfigDict(frozen=True, extra="forbid", alias_generator=to_camel, hide_input_in_errors=True)

    mode: Literal["development", "production"] = "development"
    image_source: Literal["registry", "build"] = "registry"
    tls: bool | None = None

    enable_redis: bool = True
    enable_elasticsearch: bool = True
    enable_minio: bool = True
    enable_milvus: bool = True
    enable_monitoring: bool = False
    enable_backups: bool = False
    enable_relay: bool = True

    postgres_db: Name = "ai_karen"
    postgres_user: Name = "karen_user"
    postgres_reader: Name = "karen_reader"
    postgres_password: Secret | None = None
    postgres_port: Port = 5432
    postgres_max_connections: Annotated[int, Field(ge=10, le=10_000)] = 100
    postgres_memory: Size = parse_size("1g")
    postgres_cpus: Cpus = 2
    wal_keep_size: Size = parse_size("2g")
    postgres_schema_version: SchemaVersion = "latest"

    redis_port: Port = 6379
    redis_password: Secret | None = None
    redis_memory: Size = parse_size("512m")
    redis_cpus: Cpus = 1
    redis_eviction_policy: EvictionPolicy = "volatile-lru"
    redis_append_only: bool = True

    elasticsearch_port: Port = 9200
    elasticsearch_user: Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_]{0,31}$")] = "karen_user"
    elasticsearch_reader: Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_]{0,31}$")] = "karen_reader"
    elasticsearch_password: Secret | None = None
    elasticsearch_heap: Size = parse_size("1g")
    elasticsearch_memory: Size = parse_size("2g")
    elasticsearch_cpus: Cpus = 2
    elasticsearch_schema_version: SchemaVersion = "latest"

    etcd_memory: Size = parse_size("512m")
    etcd_cpus: Cpus = 1

    minio_port: Port = 9000
    minio_console_port: Port = 9001
    minio_user: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{3,20}$")] = "karen_minio"
    minio_application_user: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{3,20}$")] = "karen_application"
    minio_password: Secret | None = None
    minio_memory: Size = parse_size("1g")
    minio_cpus: Cpus = 1
    minio_schema_version: SchemaVersion = "latest"

    milvus_port: Port = 19530
    milvus_user: Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_]{0,31}$")] = "milvus_user"
    milvus_password: Secret | None = None
    milvus_memory: Size = parse_size("2g")
    milvus_cpus: Cpus = 2
    milvus_schema_version: SchemaVersion = "latest"

    duckdb_path: ContainerPath = "/data/duckdb/kari_duckdb.db"
    duckdb_backup_path: ContainerPath = "/data/duckdb/backups"
    duckdb_host_directory: str | None = None
    duckdb_schema_version: SchemaVersion = "latest"

    monitoring_port: Port = 9464
    monitoring_interval: Annotated[int, Field(ge=2, le=15)] = 5
    monitoring_memory: Size = parse_size("512m")
    monitoring_cpus: Cpus = 0.5
    alert_webhook: Secret | None = None
    alert_mail_server: Annotated[str, Field(pattern=r"^[A-Za-z0-9.-]+:[0-9]{1,5}$")] | None = None
    alert_mail_security: Literal["starttls", "tls", "none"] = "starttls"
    alert_mail_user: str | None = None
    alert_mail_password: Secret | None = None
    alert_mail_from: Address | None = None
    alert_mail_to: Annotated[str, Field(pattern=r"^[^@\s,;]+@[^@\s,;]+(,[^@\s,;]+@[^@\s,;]+)*$")] | None = None
    engine_socket: HostPath = "/var/run/docker.sock"

    backup_target: str = "volume"
    backup_endpoint: str | None = None
    backup_access_key: Secret | None = None
    backup_secret_key: Secret | None = None
    backup_region: Annotated[str, Field(pattern=r"^[A-Za-z0-9-]{1,40}$")] = "us-east-1"
    backup_schedule: str = "0 2 * * *"
    backup_keep: str = "last=3,hourly=0,daily=7,weekly=4,monthly=12,yearly=0"
    restore_damaged: str = "none"
    backup_memory: Size = parse_size("768m")
    backup_cpus: Cpus = 1

    relay_port: Port = 9465
    relay_memory: Size = parse_size("256m")
    relay_cpus: Cpus = 1

    password_serials: str = ""
    data_volumes: str = ""
    allow_replacing: str = "none"

    @property
    def production(self) -> bool:
        """Whether this stack publishes nothing, authenticates everywhere and protects its data."""
        return self.mode == "production"

    @property
    def encrypted(self) -> bool:
        """Whether connections to the servers are encrypted."""
        return self.production if self.tls is None else self.tls

    @property
    def proxied(self) -> bool:
        """Whether a container of this stack runs the proxy's image: in front of the engine's socket, or of Milvus."""
        return self.enable_monitoring or (self.production and self.enable_milvus)

    @property
    def relayed(self) -> bool:
        """Whether a container delivers memories: that is asked for, and there is an engine to deliver to."""
        return self.enable_relay and (self.enable_elasticsearch or self.enable_milvus)

    @property
    def restored_when_damaged(self) -> tuple[str, ...]:
        """Return the engines that `karen backup restore --damaged` restores without being told which, as they are written."""
        named = self.restore_damaged
        return () if named == "none" else tuple(dict.fromkeys(name.strip() for name in named.split(",")))

    def schema_version(self, service: str) -> str:
        """Return the version at which a service's migrations stop, three digits; empty for the latest."""
        version = str(getattr(self, f"{service}_schema_version", "latest"))
        return "" if version == "latest" else version

    def serial(self, password: str) -> Serial:
        """Return how often a password was changed."""
        return parse(self.password_serials).get(password, Serial())

    def volume_serial(self, service: str) -> Serial:
        """Return which data volume a service uses: one more with each upgrade."""
        return parse(self.data_volumes, UPGRADABLE).get(service, Serial())

    def may_replace(self, service: str) -> bool:
        """Whether an update may make a service's container anew: in production only where it is named, or is being upgraded."""
        named = [name.strip() for name in self.allow_replacing.split(",")]
        return not self.production or service in named or bool(self.volume_serial(service).mark)

    @model_validator(mode="after")
    def _cross_field(self) -> Self:
        problems = [
            *rules.problems(self),
            *account_rules.problems(self),
            *backup_rules.problems(self),
            *upgrade_rules.problems(self),
        ]
        if problems:
            raise SettingsError(problems)
        return self

    @classmethod
    def parse(cls, values: Mapping[str, Any]) -> "Settings":
        """Build settings from the plain configuration (camelCase keys, text values); SettingsError if it cannot be."""
        try:
            return cls.model_validate(dict(values))
        except ValidationError as error:
            raise SettingsError(_sentences(error, values)) from None

    @classmethod
    def load(cls, image_source: str | None = None) -> "Settings":
        """Read the running stack's configuration; `image_source` is this machine's answer where the stack has none."""
        import pulumi
        from pulumi.runtime import config as runtime_config

        prefix = f"{pulumi.get_project()}:"
        everything = {**runtime_config.get_config_env(), **runtime_config.CONFIG.get()}
        values = {key.removeprefix(prefix): value for key, value in everything.items() if key.startswith(prefix)}
        if image_source is not None:
            values.setdefault("imageSource", image_source)
        return cls.parse(values)


# Fields whose values are shown to nobody.
SECRET = frozenset(name for name, field in Settings.model_fields.items() if "SecretStr" in str(field.annotation))


def _sentences(error: ValidationError, values: Mapping[str, Any]) -> list[str]:
    """Turn pydantic's errors into sentences that name key, value, what is allowed and the command that fixes it."""
    from difflib import get_close_matches

    keys = [to_camel(field) for field in Settings.model_fields]
    sentences = []
    for item in error.errors():
        cause = item.get("ctx", {}).get("error")
        if isinstance(cause, SettingsError):
            sentences.extend(cause.problems)
            continue
        key = str(item["loc"][0]) if item["loc"] else "?"
        if item["type"] == "extra_forbidden":
            near = get_close_matches(key, keys, n=1)
            hint = f" Did you mean {PROJECT}:{near[0]}?" if near else f" Known keys: {', '.join(keys)}."
            sentences.append(f"{PROJECT}:{key} is not a setting.{hint} Fix: pulumi config rm {PROJECT}:{key}")
            continue
        field = next((f for f in Settings.model_fields if to_camel(f) == key), None)
        default = rules.show_default(Settings.model_fields[field].default) if field else "…"
        message = item["msg"].removeprefix("Value error, ").removeprefix("Input ")
        shown = rules.HIDDEN if field in SECRET else repr(values.get(key))
        sentences.append(f"{PROJECT}:{key} is {shown}: {message}. Fix: pulumi config set {PROJECT}:{key} {default}")
    return sentences
