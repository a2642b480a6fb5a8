"""How MinIO, or another server that speaks S3, is reached."""

from collections.abc import Mapping
from typing import Any, ClassVar

from pydantic import SecretStr, model_validator

from database.settings.encryption import EncryptedSettings
from database.settings.fields import Connections, Host, Port, Seconds, named, place

_ENDPOINT = "MINIO_ENDPOINT"


class MinioSettings(EncryptedSettings):
    """A server and an access key; times in seconds."""

    schemes: ClassVar[tuple[str, ...]] = ("http", "https")
    flag: ClassVar[str] = "MINIO_SECURE"
    url_ports: ClassVar[Mapping[str, str]] = {"http": "80", "https": "443"}
    parts: ClassVar[Mapping[str, str]] = {
        "host": "host",
        "port": "port",
        "user": "access_key",
        "password": "secret_key",
    }

    enabled: bool = named("ENABLE_MINIO", default=True)
    url: SecretStr | None = named("MINIO_URL", _ENDPOINT, "S3_ENDPOINT", "AWS_ENDPOINT_URL_S3", default=None)
    host: Host = named("MINIO_HOST", default="localhost")
    port: Port = named("MINIO_PORT", default=9000)
    access_key: str | None = named("MINIO_ACCESS_KEY", "S3_ACCESS_KEY", "AWS_ACCESS_KEY_ID", default=None)
    secret_key: SecretStr | None = named("MINIO_SECRET_KEY", "S3_SECRET_KEY", "AWS_SECRET_ACCESS_KEY", default=None)
    region: str = named("MINIO_REGION", "AWS_REGION", default="us-east-1")
    tls: bool | None = named(flag, default=None)
    pool_maximum: Connections = named("MINIO_POOL_MAX", default=10)
    pool_timeout: Seconds = named("MINIO_POOL_TIMEOUT", default=5.0)
    connect_timeout: Seconds = named("MINIO_CONNECT_TIMEOUT", default=5.0)
    timeout: Seconds = named("MINIO_TIMEOUT", default=30.0)

    @model_validator(mode="before")
    @classmethod
    def _complete(cls, data: dict[str, Any]) -> dict[str, Any]:
        # MinIO's own clients are given host:port.
        endpoint = str(data.get(_ENDPOINT) or "")
        if not endpoint or "://" in endpoint:
            return data
        scheme = "https" if str(data.get(cls.flag)).lower() in ("true", "1", "yes", "on") else "http"
        return {**data, _ENDPOINT: f"{scheme}://{endpoint}"}

    def asked(self) -> bool | None:
        """Return whether the variable of its own asks for encryption."""
        return self.tls

    def address(self) -> str:
        """Return host and port."""
        return place(self.host, self.port)
