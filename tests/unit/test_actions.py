"""What a job does with a request, tried with an engine that lives in memory."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest

from init import actions
from init.engines.base import LedgerEntry, Seeds
from init.migrations import Migration, checksum
from init.protocol import Failure


class MemoryEngine:
    """An engine whose ledger outlives its connections."""

    def __init__(self) -> None:
        self.recorded: dict[str, LedgerEntry] = {}
        self.closed = 0

    def connect(self, connection: Mapping[str, Any]) -> None:
        if connection.get("password") == "wrong-password":
            raise Failure("AuthenticationFailed", "wrong-password was refused", "give it the right one")

    def server_version(self) -> str:
        return "1.0"

    def ledger(self) -> tuple[LedgerEntry, ...]:
        return tuple(self.recorded.values())

    def apply(self, migration: Migration) -> None:
        if "FAIL" in migration.body:
            raise Failure("MigrationFailed", migration.file, "correct it")
        self.recorded[migration.name] = LedgerEntry(migration.name, migration.checksum, datetime.now(UTC))

    def seed(self, seeds: Seeds) -> dict[str, int]:
        return {name: len(records) for name, records in seeds.items()}

    def verify(self) -> dict[str, int]:
        return {"rows": 3}

    def close(self) -> None:
        self.closed += 1


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> MemoryEngine:
    memory = MemoryEngine()
    monkeypatch.setattr(actions, "load", lambda _name: memory)
    return memory


def migrate(*bodies: str, **changes: Any) -> dict[str, Any]:
    migrations = [
        {"name": f"{number:03}_step", "suffix": "sql", "checksum": checksum(body), "body": body}
        for number, body in enumerate(bodies, start=1)
    ]
    request = {"protocol": 1, "action": "migrate", "engine": "duckdb", "connection": {}, "migrations": migrations}
    return actions.handle({**request, **changes})


def test_migrations_are_applied_once(engine: MemoryEngine) -> None:
    first = migrate("a", "b", seeds={"classifier": [{}]})
    assert (first["applied"], first["schema_version"]) == (["001_step", "002_step"], "002")
    assert first["counts"] == {"classifier": 1}
    second = migrate("a", "b")
    assert (second["applied"], second["schema_version"], engine.closed) == ([], "002", 2)


def test_a_failed_migration_stops_the_run_and_keeps_what_was_applied(engine: MemoryEngine) -> None:
    with pytest.raises(Failure, match="002_step"):
        migrate("a", "FAIL", "c")
    assert list(engine.recorded) == ["001_step"]
    assert engine.closed == 1


def test_an_edited_migration_stops_the_run_before_anything_is_applied(engine: MemoryEngine) -> None:
    migrate("a")
    with pytest.raises(Failure, match="edited after it was applied") as caught:
        migrate("edited", "b")
    assert caught.value.kind == "ChecksumMismatch"
    assert list(engine.recorded) == ["001_step"]


@pytest.mark.usefixtures("engine")
def test_a_body_that_is_not_what_its_checksum_says_is_refused() -> None:
    with pytest.raises(Failure, match="the checksum sent is 0"):
        migrate(migrations=[{"name": "001_a", "suffix": "sql", "checksum": "0", "body": "x"}])


@pytest.mark.usefixtures("engine")
@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"protocol": 2}, "protocol is 2; allowed: 1"),
        ({"action": "drop"}, "action is 'drop'; allowed: migrate"),
        ({"engine": "oracle"}, "engine is 'oracle'; allowed: postgres"),
        ({"connection": None}, "connection is a NoneType; allowed: a dict"),
        ({"migrations": [{"suffix": "sql"}]}, "name is missing; allowed: a str"),
    ],
)
def test_a_bad_request_names_key_value_and_what_is_allowed(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(Failure, match=words) as caught:
        migrate("a", **changes)
    assert caught.value.kind == "BadRequest"


def verify(**changes: Any) -> dict[str, Any]:
    return actions.handle({"protocol": 1, "action": "verify", "engines": {"duckdb": {}}, **changes})


@pytest.mark.usefixtures("engine")
def test_a_verification_tells_versions_and_counts() -> None:
    migrate("a")
    report = verify(expected={"duckdb": "001"})["engines"]["duckdb"]
    assert (report["counts"], report["schema_version"], report["server_version"]) == ({"rows": 3}, "001", "1.0")


@pytest.mark.usefixtures("engine")
def test_a_verification_names_every_engine_that_failed() -> None:
    with pytest.raises(Failure) as caught:
        verify(engines={"duckdb": {}, "milvus": {}}, expected={"duckdb": "001", "milvus": "002"})
    assert caught.value.kind == "VerificationFailed"
    assert "duckdb: schema version is none, expected 001" in caught.value.message
    assert "milvus: schema version is none, expected 002" in caught.value.message


@pytest.mark.usefixtures("engine")
def test_no_secret_of_a_request_is_in_an_error() -> None:
    request = {"protocol": 1, "action": "migrate", "engine": "redis", "connection": {"password": "wrong-password"}}
    with pytest.raises(Failure) as caught:
        actions.handle({**request, "migrations": []})
    assert actions.redact(caught.value, request).message == "*** was refused"
