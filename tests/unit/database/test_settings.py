"""Settings: every name that applications use, URLs, stacks; what is wrong is named, what is secret is not."""

import os
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.urls import database_url
from database.errors import ConfigurationInvalid
from database.settings import DatabaseSettings
from database.settings.postgres import PostgresSettings
from ops.environment_file import render

# As `make env` writes them.
SEED = {
    "POSTGRES_DB": "ai_karen",
    "POSTGRES_USER": "karen_user",
    "POSTGRES_PASSWORD": "p-1",
    "POSTGRES_HOST": "127.0.0.1",
    "POSTGRES_PORT": "15432",
    "DATABASE_URL": "postgresql://karen_user:p-1@127.0.0.1:15432/ai_karen",
    "ELASTICSEARCH_HOST": "127.0.0.1",
    "ELASTICSEARCH_PORT": "19200",
    "ELASTICSEARCH_USER": "karen",
    "ELASTICSEARCH_PASSWORD": "p-2",
    "MILVUS_HOST": "127.0.0.1",
    "MILVUS_PORT": "19531",
    "MILVUS_USER": "",
    "MILVUS_PASSWORD": "",
    "REDIS_HOST": "127.0.0.1",
    "REDIS_PORT": "16379",
    "REDIS_PASSWORD": "p-3",
    "REDIS_URL": "redis://:p-3@127.0.0.1:16379/0",
    "MINIO_HOST": "127.0.0.1",
    "MINIO_PORT": "19000",
    "MINIO_ACCESS_KEY": "karen",
    "MINIO_SECRET_KEY": "p-4",
    "DUCKDB_PATH": "/data/duckdb/kari_duckdb.db",
    "ENABLE_MILVUS": "true",
    "ENABLE_REDIS": "false",
}
printable = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=8, max_size=72)


def problems(**variables: str) -> str:
    with pytest.raises(ConfigurationInvalid) as caught:
        DatabaseSettings.of(variables)
    return "\n".join(caught.value.problems)


def shown(variables: dict[str, str]) -> str:
    """Return what is seen of variables, be they valid or not."""
    try:
        return repr(DatabaseSettings.of(variables))
    except ConfigurationInvalid as error:
        return str(error) + repr(error)


def test_the_variables_of_a_stack_are_all_that_is_needed() -> None:
    settings = DatabaseSettings.of(SEED)
    assert settings.postgres.connection()["port"] == 15432
    assert settings.elasticsearch.address() == "http://127.0.0.1:19200"
    assert (settings.milvus.user, settings.milvus.password) == ("", None)
    assert settings.minio.address() == "127.0.0.1:19000"
    assert settings.duckdb.path == Path("/data/duckdb/kari_duckdb.db")
    assert (settings.milvus.enabled, settings.redis.enabled) == (True, False)


def test_a_file_is_read_and_the_environment_goes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in DatabaseSettings.model_fields:
        for variable in DatabaseSettings.model_fields[name].annotation.variables():  # type: ignore[union-attr]
            monkeypatch.delenv(variable, raising=False)
    file = tmp_path / ".env"
    file.write_text(render({"POSTGRES_PASSWORD": "a$b`c\"d'e\\", "REDIS_PORT": "1"}))
    monkeypatch.setenv("REDIS_PORT", "2")
    settings = DatabaseSettings.from_env(file)
    assert settings.postgres.password is not None
    assert settings.postgres.password.get_secret_value() == "a$b`c\"d'e\\"
    assert settings.redis.port == 2
    assert DatabaseSettings.from_env(tmp_path / "none").redis.port == 2


@given(printable)
def test_a_url_says_the_same_as_its_parts(password: str) -> None:
    url = database_url("postgresql", "karen_user", password, "db", 15432, "ai_karen")
    one = PostgresSettings.of({"DATABASE_URL": url})
    assert one.connection() == PostgresSettings.of({
        "POSTGRES_PASSWORD": password, "POSTGRES_HOST": "db", "POSTGRES_PORT": "15432",
    }).connection()  # fmt: skip
    assert PostgresSettings.of({"DATABASE_URL": url, "POSTGRES_PASSWORD": password}) == PostgresSettings.of(
        {"DATABASE_URL": url, "PGPASSWORD": password}
    )


@given(printable)
def test_a_secret_is_in_no_representation_and_no_error(secret: str) -> None:
    secret = f"<{secret}>"
    given = {"POSTGRES_PASSWORD": secret, "REDIS_PASSWORD": secret, "MINIO_SECRET_KEY": secret}
    assert secret not in repr(DatabaseSettings.of(given)) + str(DatabaseSettings.of(given))
    for variable in ("DATABASE_URL", "REDIS_URL", "ELASTICSEARCH_URL", "MILVUS_URI", "MINIO_URL"):
        for value in (f"ftp://x:{secret}@host", f"postgresql://u:{secret}", f"http://u:{secret}@:1"):
            assert secret not in shown({variable: value})


@pytest.mark.parametrize(
    ("variables", "told"),
    [
        ({"POSTGRES_PORT": "abc"}, "POSTGRES_PORT is 'abc'; allowed: a whole number"),
        ({"PGPORT": "70000"}, "PGPORT is '70000'; allowed: 65535 or less"),
        ({"REDIS_HOST": "a b"}, "REDIS_HOST is 'a b'; allowed: a name or an address"),
        ({"ENABLE_MILVUS": "perhaps"}, "ENABLE_MILVUS is 'perhaps'; allowed: true or false"),
        ({"DUCKDB_MEMORY_LIMIT": "much"}, "as in 256MB"),
        ({"DATABASE_TELEMETRY": "loud"}, "DATABASE_TELEMETRY is 'loud'; allowed: 'auto' or 'off'"),
        ({"DATABASE_URL": "mysql://u:p@h/d"}, "DATABASE_URL has the scheme 'mysql'; allowed: postgresql://"),
        ({"POSTGRES_URL": "postgresql://h/d?x=1"}, "POSTGRES_URL has the option 'x'; allowed: application_name"),
        ({"DATABASE_URL": "postgresql://u:p@h/d", "POSTGRES_HOST": "i"}, "DATABASE_URL and POSTGRES_HOST do not agree"),
        ({"REDIS_URL": "redis://h:1/x"}, "REDIS_URL is (not shown); allowed: a whole number"),
        (
            {"POSTGRES_HOST": "localhost:5433"},
            "POSTGRES_HOST is 'localhost:5433'; allowed: a name or an address, without a",
        ),
        ({"DATABASE_URL": "postgresql://u:2024?word@h:1/d"}, "DATABASE_URL names no host (a password's /, ?, # and @"),
        ({"DATABASE_URL": "postgresql://u:12/word@h/d"}, "DATABASE_URL names no host (a password's /, ?, # and @"),
        ({"ELASTICSEARCH_URL": "http://h:9200/es"}, "ELASTICSEARCH_URL has a path, which is used for nothing"),
        (
            {"PGSSLMODE": "full"},
            "PGSSLMODE is 'full'; allowed: 'disable', 'allow', 'prefer', 'require', 'verify-ca' or",
        ),
        ({"POSTGRES_POOL_MIN": "20"}, "POSTGRES_POOL_MIN is 20; allowed: 0 to POSTGRES_POOL_MAX, 10"),
        ({"POSTGRES_TIMEOUT": "0"}, "POSTGRES_TIMEOUT is '0'; allowed: more than 0"),
    ],
)
def test_an_error_names_the_variable_its_value_and_what_is_allowed(variables: dict[str, str], told: str) -> None:
    assert told in problems(**variables)
    assert "Fix: " in problems(**variables)


def test_everything_that_is_wrong_is_told_at_once() -> None:
    told = problems(POSTGRES_PORT="x", REDIS_PORT="y", MILVUS_PORT="z")
    assert all(name in told for name in ("POSTGRES_PORT", "REDIS_PORT", "MILVUS_PORT"))


@pytest.mark.parametrize(
    ("name", "value"),
    [("ELASTIC_HOST", "es"), ("ES_HOST", "es"), ("ELASTICSEARCH_URL", "http://es:9200"), ("ELASTIC_URL", "http://es")],
)
def test_other_names_of_the_same_are_read(name: str, value: str) -> None:
    assert DatabaseSettings.of({name: value}).elasticsearch.host == "es"


def test_a_driver_in_a_url_and_minio_s_short_endpoint_are_understood() -> None:
    settings = DatabaseSettings.of({
        "DATABASE_URL": "postgresql+asyncpg://u:p@h:1/d?sslmode=require", "MINIO_ENDPOINT": "store:9",
    })  # fmt: skip
    assert settings.postgres.connection()["sslmode"] == "require"
    assert settings.minio.address() == "store:9"


def test_an_address_of_ipv6_is_in_brackets_where_a_port_follows() -> None:
    settings = DatabaseSettings.of({
        "DATABASE_URL": "postgresql://u@[::1]:1/d", "ELASTICSEARCH_URL": "http://[2001:db8::1]:2", "MILVUS_HOST": "::1",
        "MINIO_URL": "http://[::1]:3",
    })  # fmt: skip
    assert settings.postgres.connection()["host"] == "::1"
    assert settings.elasticsearch.address() == "http://[2001:db8::1]:2"
    assert (settings.milvus.address(), settings.minio.address()) == ("http://[::1]:19530", "[::1]:3")


@pytest.mark.parametrize(
    ("variables", "address"),
    [
        ({"MINIO_URL": "https://s3.example.com"}, "s3.example.com:443"),
        ({"MINIO_URL": "http://store"}, "store:80"),
        ({"MINIO_URL": "http://store", "MINIO_PORT": "9000"}, "store:9000"),
        ({"MINIO_HOST": "store"}, "store:9000"),
    ],
)
def test_a_url_without_a_port_has_that_of_its_scheme(variables: dict[str, str], address: str) -> None:
    assert DatabaseSettings.of(variables).minio.address() == address


def test_a_milvus_url_is_read_as_pymilvus_reads_it() -> None:
    settings = DatabaseSettings.of({"MILVUS_URI": "https://m.example.com/tenants"}).milvus
    assert (settings.address(), settings.database) == ("https://m.example.com:443", "tenants")
    assert "MILVUS_URI and MILVUS_DB do not agree" in problems(MILVUS_URI="http://h:1/a", MILVUS_DB="b")


def test_what_libpq_verifies_with_is_read_from_a_file_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PGSSLMODE", "PGSSLROOTCERT", "DATABASE_URL"):
        monkeypatch.delenv(name, raising=False)
    file = tmp_path / ".env"
    file.write_text("POSTGRES_HOST=h\nPGSSLMODE=verify-full\nPGSSLROOTCERT=/ca.crt\n")
    given = DatabaseSettings.from_env(file).postgres.connection()
    assert (given["sslmode"], given["sslrootcert"]) == ("verify-full", "/ca.crt")
    settings = DatabaseSettings.of({"DATABASE_URL": "postgresql://h/d?sslmode=require", "PGSSLMODE": "prefer"})
    assert settings.postgres.connection()["sslmode"] == "require"


def pulumi(directory: Path, text: str) -> None:
    program = directory / "pulumi"
    program.write_text(f"#!/bin/sh\n{text}\n")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)


@pytest.mark.parametrize(
    ("program", "told"),
    [
        ('echo \'{"host": {"KAREN_NOT_PUBLISHED": "This stack publishes no port."}}\'', 'form="network"'),
        ("echo '{}'", "no output env.host"),
        ("echo nonsense", "no JSON"),
        ("echo \"error: no stack named 'dev' found\" >&2; exit 255", "no stack named 'dev' found"),
    ],
)
def test_a_stack_that_cannot_be_read_says_why(
    program: str, told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pulumi(tmp_path, program)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    with pytest.raises(ConfigurationInvalid) as caught:
        DatabaseSettings.from_stack("dev", directory=tmp_path)
    assert told in str(caught.value)


def test_a_stack_s_outputs_are_all_that_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pulumi(tmp_path, 'echo \'{"host": {"REDIS_HOST": "here"}, "network": {"REDIS_HOST": "redis"}}\'')
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("REDIS_PORT", "7")
    assert DatabaseSettings.from_stack("dev", directory=tmp_path).redis.host == "here"
    assert DatabaseSettings.from_stack("dev", directory=tmp_path, form="network").redis.port == 6379
