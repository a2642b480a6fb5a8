"""How Milvus is reached."""

from collections.abc import Mapping
from typing import ClassVar

from pydantic import SecretStr

from database.settings.encryption import EncryptedSettings
from database.settings.fields import Host, Name, Port, Seconds, named, place


class MilvusSettings(EncryptedSettings):
    """A server and a user, who is nobody where there is no authentication; times in seconds."""

    schemes: ClassVar[tuple[str, ...]] = ("http", "https", "tcp")
    flag: ClassVar[str] = "MILVUS_SECURE"
    url_ports: ClassVar[Mapping[str, str]] = {"https": "443"}
    parts: ClassVar[Mapping[str, str]] = {
        "host": "host", "port": "port", "user": "user", "password": "password", "path": "database",
    }  # fmt: skip

    enabled: bool = named("ENABLE_MILVUS", default=True)
    url: SecretStr | None = named("MILVUS_URL", "MILVUS_URI", default=None)
    host: Host = named("MILVUS_HOST", default="localhost")
    port: Port = named("MILVUS_PORT", default=19530)
    user: str = named("MILVUS_USER", "MILVUS_USERNAME", default="")
    password: SecretStr | None = named("MILVUS_PASSWORD", default=None)
    database: Name = named("MILVUS_DB", "MILVUS_DATABASE", default="default")
    tls: bool | None = named(flag, default=None)
    connect_timeout: Seconds = named("MILVUS_CONNECT_TIMEOUT", default=5.0)
    timeout: Seconds = named("MILVUS_TIMEOUT", default=10.0)
    # Until a collection is in memory again after the server has restarted.
    load_timeout: Seconds = named("MILVUS_LOAD_TIMEOUT", default=60.0)

    def asked(self) -> bool | None:
        """Return whether the variable of its own asks for encryption."""
        return self.tls

    def address(self) -> str:
        """Return where it answers, without credentials."""
        return f"{'https' if self.secure else 'http'}://{place(self.host, self.port)}"
