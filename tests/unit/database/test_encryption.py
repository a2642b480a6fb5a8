"""Encrypted connections: a stack's variables say so, and what contradicts itself is named."""

from pathlib import Path

import pytest

from database.errors import ConfigurationInvalid
from database.settings import DatabaseSettings
from tests.unit.graph import build

ENCRYPTED = ("redis", "elasticsearch", "milvus", "minio")


@pytest.fixture
def authority(tmp_path: Path) -> Path:
    path = tmp_path / "ca.crt"
    path.write_text("a certificate")
    return path


def problem(**variables: str) -> str:
    with pytest.raises(ConfigurationInvalid) as caught:
        DatabaseSettings.of(variables)
    (one,) = caught.value.problems
    return one


def test_an_encrypted_stack_s_variables_are_understood(authority: Path) -> None:
    _, outputs = build("contract", mode="production")
    variables: dict[str, str] = outputs["outputs"]["env"]["network"]
    path = variables["KAREN_CA_CERTIFICATE"]
    settings = DatabaseSettings.of({
        name: str(value).replace(path, str(authority)) for name, value in variables.items()
    })  # fmt: skip
    assert all(getattr(settings, engine).secure for engine in ENCRYPTED)
    assert all(getattr(settings, engine).ca_certificate == authority for engine in ENCRYPTED)
    assert settings.postgres.connection()["sslmode"] == "verify-full"
    assert settings.postgres.connection()["sslrootcert"] == str(authority)


def test_a_stack_without_encryption_is_reached_without() -> None:
    _, outputs = build("dev")
    settings = DatabaseSettings.of(outputs["outputs"]["env"]["host"])
    assert not any(getattr(settings, engine).secure for engine in ENCRYPTED)


def test_a_url_says_it_alone() -> None:
    settings = DatabaseSettings.of({
        "REDIS_URL": "rediss://:p@h:1/0", "ELASTICSEARCH_URL": "https://h", "MILVUS_URI": "https://h:1",
        "MINIO_URL": "https://h:1",
    })  # fmt: skip
    assert all(getattr(settings, engine).secure for engine in ENCRYPTED)
    assert all(getattr(settings, engine).ca_certificate is None for engine in ENCRYPTED)


def test_minio_s_endpoint_has_no_scheme_and_contradicts_nothing() -> None:
    settings = DatabaseSettings.of({"MINIO_ENDPOINT": "h:9000", "MINIO_SECURE": "true"})
    assert settings.minio.secure
    assert not DatabaseSettings.of({"MINIO_ENDPOINT": "h:9000"}).minio.secure


@pytest.mark.parametrize(
    ("url", "flag"),
    [
        (("REDIS_URL", "redis://h:1/0"), ("REDIS_TLS", "true")),
        (("ELASTICSEARCH_URL", "https://h"), ("ELASTICSEARCH_SCHEME", "http")),
        (("MILVUS_URL", "http://h:1"), ("MILVUS_SECURE", "true")),
        (("MINIO_URL", "https://h:1"), ("MINIO_SECURE", "false")),
    ],
)
def test_what_contradicts_itself_is_named(url: tuple[str, str], flag: tuple[str, str]) -> None:
    assert f"{url[0]} and {flag[0]} do not agree" in problem(**dict([url, flag]))


def test_a_certificate_that_is_not_there_is_named_once(tmp_path: Path) -> None:
    said = problem(KAREN_CA_CERTIFICATE=str(tmp_path / "none.crt"))
    assert said.startswith(f"KAREN_CA_CERTIFICATE is '{tmp_path}/none.crt'; allowed: a file that exists. Fix: ")
    said = problem(REDIS_URL=f"rediss://:p@h:1/0?ssl_ca_certs={tmp_path}/none.crt")
    assert "none.crt; allowed: a file that exists" in said
    assert ":p@" not in said
