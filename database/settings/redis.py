"""How Redis is reached."""

from collections.abc import Mapping
from typing import Annotated, ClassVar

from pydantic import Field, SecretStr

from database.settings.encryption import EncryptedSettings
from database.settings.fields import Connections, Host, Port, Seconds, named


class RedisSettings(EncryptedSettings):
    """A server, a numbered database and a user; times in seconds."""

    schemes: ClassVar[tuple[str, ...]] = ("redis", "rediss")
    flag: ClassVar[str] = "REDIS_TLS"
    url_authority: ClassVar[str] = "ssl_ca_certs"
    url_options: ClassVar[tuple[str, ...]] = (url_authority,)
    parts: ClassVar[Mapping[str, str]] = {
        "host": "host", "port": "port", "user": "user", "password": "password", "path": "database",
    }  # fmt: skip

    enabled: bool = named("ENABLE_REDIS", default=True)
    url: SecretStr | None = named("REDIS_URL", default=None)
    host: Host = named("REDIS_HOST", default="localhost")
    port: Port = named("REDIS_PORT", default=6379)
    database: Annotated[int, Field(ge=0, le=15)] = named("REDIS_DB", default=0)
    user: str | None = named("REDIS_USER", "REDIS_USERNAME", default=None)
    password: SecretStr | None = named("REDIS_PASSWORD", default=None)
    tls: bool | None = named(flag, default=None)
    pool_maximum: Connections = named("REDIS_POOL_MAX", default=50)
    pool_timeout: Seconds = named("REDIS_POOL_TIMEOUT", default=5.0)
    connect_timeout: Seconds = named("REDIS_CONNECT_TIMEOUT", default=5.0)
    timeout: Seconds = named("REDIS_TIMEOUT", default=5.0)

    def asked(self) -> bool | None:
        """Return whether the variable of its own asks for encryption."""
        return self.tls
