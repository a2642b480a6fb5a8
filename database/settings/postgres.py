"""How PostgreSQL is reached."""

from collections.abc import Mapping
from typing import Any, ClassVar, Literal, Self

from pydantic import SecretStr, model_validator

from database.settings.fields import Connections, EngineSettings, Host, Name, Port, Seconds, named
from database.settings.url import parse

SslMode = Literal["disable", "allow", "prefer", "require", "verify-ca", "verify-full"]


class PostgresSettings(EngineSettings):
    """A server, a database and a user; times in seconds."""

    schemes: ClassVar[tuple[str, ...]] = ("postgresql", "postgres")
    url_options: ClassVar[tuple[str, ...]] = ("application_name", "sslmode", "sslrootcert", "sslcert", "sslkey")
    parts: ClassVar[Mapping[str, str]] = {
        "host": "host", "port": "port", "user": "user", "password": "password", "path": "database",
    }  # fmt: skip

    enabled: bool = named("ENABLE_POSTGRES", default=True)
    url: SecretStr | None = named("DATABASE_URL", "POSTGRES_URL", "POSTGRES_DSN", default=None)
    host: Host = named("POSTGRES_HOST", "PGHOST", "DB_HOST", default="localhost")
    port: Port = named("POSTGRES_PORT", "PGPORT", "DB_PORT", default=5432)
    database: Name = named("POSTGRES_DB", "POSTGRES_DATABASE", "PGDATABASE", "DB_NAME", default="ai_karen")
    user: Name = named("POSTGRES_USER", "PGUSER", "DB_USER", default="karen_user")
    password: SecretStr | None = named("POSTGRES_PASSWORD", "PGPASSWORD", "DB_PASSWORD", default=None)
    # What libpq reads of the environment, and would not find in a file; a URL's own options go before.
    ssl_mode: SslMode | None = named("PGSSLMODE", default=None)
    ssl_root_certificate: str | None = named("PGSSLROOTCERT", default=None)
    pool_minimum: int = named("POSTGRES_POOL_MIN", default=1)
    pool_maximum: Connections = named("POSTGRES_POOL_MAX", default=10)
    # For a connection of the pool, for the server to accept one, and for a statement's answer.
    pool_timeout: Seconds = named("POSTGRES_POOL_TIMEOUT", default=5.0)
    connect_timeout: Seconds = named("POSTGRES_CONNECT_TIMEOUT", default=5.0)
    timeout: Seconds = named("POSTGRES_TIMEOUT", default=30.0)

    @model_validator(mode="after")
    def _check_pool(self) -> Self:
        if not 0 <= self.pool_minimum <= self.pool_maximum:
            raise ValueError(
                f"POSTGRES_POOL_MIN is {self.pool_minimum}; allowed: 0 to POSTGRES_POOL_MAX, {self.pool_maximum}"
            )
        return self

    def options(self) -> dict[str, str]:
        """Return what is added for libpq, such as sslmode."""
        verified = {"sslmode": self.ssl_mode, "sslrootcert": self.ssl_root_certificate}
        said = parse(self.url.get_secret_value(), "url", self.schemes).options if self.url else ()
        return {name: value for name, value in verified.items() if value} | dict(said)

    def connection(self) -> dict[str, Any]:
        """Return psycopg's parameters: timeouts on either side, and a dead network noticed within `timeout`."""
        milliseconds, idle = int(self.timeout * 1000), max(1, int(self.timeout / 2))
        return {
            "host": self.host,
            "port": self.port,
            "dbname": self.database,
            "user": self.user,
            "password": self.password.get_secret_value() if self.password else None,
            "connect_timeout": max(2, int(self.connect_timeout)),
            "options": f"-c statement_timeout={milliseconds} -c idle_in_transaction_session_timeout={milliseconds * 10}",
            "tcp_user_timeout": milliseconds,
            "keepalives_idle": idle,
            "keepalives_interval": max(1, int(self.timeout / 6)),
            "keepalives_count": 3,
            "application_name": "ai-karen",
            **self.options(),
        }
