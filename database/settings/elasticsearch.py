"""How Elasticsearch is reached."""

from collections.abc import Mapping
from typing import ClassVar, Literal

from pydantic import SecretStr

from database.settings.encryption import EncryptedSettings
from database.settings.fields import Connections, Host, Port, Seconds, named, place


class ElasticsearchSettings(EncryptedSettings):
    """A server and a user; times in seconds."""

    schemes: ClassVar[tuple[str, ...]] = ("http", "https")
    flag: ClassVar[str] = "ELASTICSEARCH_SCHEME"
    parts: ClassVar[Mapping[str, str]] = {"host": "host", "port": "port", "user": "user", "password": "password"}

    enabled: bool = named("ENABLE_ELASTICSEARCH", default=True)
    url: SecretStr | None = named("ELASTICSEARCH_URL", "ELASTIC_URL", "ES_URL", default=None)
    host: Host = named("ELASTICSEARCH_HOST", "ELASTIC_HOST", "ES_HOST", default="localhost")
    port: Port = named("ELASTICSEARCH_PORT", "ELASTIC_PORT", "ES_PORT", default=9200)
    scheme: Literal["http", "https"] | None = named(flag, "ELASTIC_SCHEME", "ES_SCHEME", default=None)
    user: str | None = named("ELASTICSEARCH_USER", "ELASTICSEARCH_USERNAME", "ELASTIC_USER", "ES_USER", default=None)
    password: SecretStr | None = named("ELASTICSEARCH_PASSWORD", "ELASTIC_PASSWORD", "ES_PASSWORD", default=None)
    pool_maximum: Connections = named("ELASTICSEARCH_POOL_MAX", default=10)
    # For a connection of the pool, and for an answer.
    pool_timeout: Seconds = named("ELASTICSEARCH_POOL_TIMEOUT", default=5.0)
    timeout: Seconds = named("ELASTICSEARCH_TIMEOUT", default=10.0)

    def asked(self) -> bool | None:
        """Return whether the variable of its own asks for encryption."""
        return None if self.scheme is None else self.scheme == "https"

    def address(self) -> str:
        """Return where it answers, without credentials."""
        return f"{'https' if self.secure else 'http'}://{place(self.host, self.port)}"
