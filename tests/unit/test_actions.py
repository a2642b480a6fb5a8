"""What a job does with a request, tried with an engine that lives in memory."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest

from init import actions, health, reports
from init.engines.base import Seeds, Service
from init.migrations import LedgerEntry
from init.protocol import Failure
from init.runner import actions as runner


class MemoryEngine(Service):
    """An engine with one applied migration."""

    closed = 0

    def connect(self, connection: Mapping[str, Any]) -> None:
        if "missing" in connection:
            raise KeyError(connection["password"])
        if connection.get("password") == "wrong-password":
            raise Failure("AuthenticationFailed", "wrong-password was refused", "give it the right one")

    def server_version(self) -> str:
        return "1.0"

    def ledger(self) -> tuple[LedgerEntry, ...]:
        return (LedgerEntry("001_step", "0" * 64, datetime.now(UTC)),)

    def seed(self, seeds: Seeds) -> dict[str, int]:
        return {name: len(records) for name, records in seeds.items()}

    def probe(self) -> None:
        """Answer."""

    def verify(self) -> dict[str, int]:
        return {"rows": 3}

    def contents(self) -> dict[str, int]:
        return {"rows": 3}

    def wipe(self) -> None:
        """Keep its one migration."""

    def close(self) -> None:
        self.closed += 1


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> MemoryEngine:
    memory = MemoryEngine()
    for module in (health, reports, runner):
        monkeypatch.setattr(module, "load", lambda _name: memory)
    return memory


def migrate(**changes: Any) -> dict[str, Any]:
    request = {"protocol": 1, "action": "migrate", "engine": "redis", "connection": {}, "migrations": []}
    return actions.handle({**request, **changes})


def test_an_engine_without_migrations_is_connected_to_and_seeded(engine: MemoryEngine) -> None:
    answer = migrate(seeds={"classifier": [{}]})
    assert (answer["schema_version"], answer["server_version"], answer["applied"]) == ("none", "1.0", [])
    assert (answer["counts"], engine.closed) == ({"classifier": 1}, 1)


@pytest.mark.usefixtures("engine")
@pytest.mark.parametrize(
    ("document", "words"),
    [
        (
            {
                "name": "001_a",
                "checksum": "0",
                "up": {"file": "001_a.sql", "body": "x", "transactional": True, "timeout": None},
            },
            "the checksum sent is 0",
        ),
        ({"name": "001_a", "checksum": "0"}, "a migration without 'up'"),
    ],
)
def test_a_migration_that_is_not_what_its_checksum_says_is_refused(document: dict[str, Any], words: str) -> None:
    with pytest.raises(Failure, match=words):
        migrate(engine="duckdb", coordination={}, migrations=[document])


@pytest.mark.usefixtures("engine")
@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"protocol": 2}, "protocol is 2; allowed: 1"),
        ({"action": "drop"}, "action is 'drop'; allowed: files, backup, migrate"),
        ({"engine": "oracle"}, "engine is 'oracle'; allowed: postgres"),
        ({"connection": None}, "connection is a NoneType; allowed: a dict"),
        ({"migrations": [{}]}, "coordination is missing; allowed: a dict"),
    ],
)
def test_a_bad_request_names_key_value_and_what_is_allowed(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(Failure, match=words) as caught:
        migrate(**changes)
    assert caught.value.kind == "BadRequest"


def verify(**changes: Any) -> dict[str, Any]:
    return actions.handle({"protocol": 1, "action": "verify", "engines": {"duckdb": {}}, **changes})


@pytest.mark.usefixtures("engine")
def test_a_verification_tells_versions_and_counts() -> None:
    report = verify(expected={"duckdb": "001"})["engines"]["duckdb"]
    assert (report["counts"], report["schema_version"], report["server_version"]) == ({"rows": 3}, "001", "1.0")


@pytest.mark.usefixtures("engine")
def test_a_verification_names_every_engine_that_failed() -> None:
    with pytest.raises(Failure) as caught:
        verify(engines={"duckdb": {}, "milvus": {}}, expected={"duckdb": "003", "milvus": "002"})
    assert caught.value.kind == "VerificationFailed"
    assert "duckdb: schema version is 001, expected 003" in caught.value.message
    assert "milvus: schema version is 001, expected 002" in caught.value.message


@pytest.mark.usefixtures("engine")
def test_no_secret_of_a_request_is_in_an_error() -> None:
    request = {"protocol": 1, "action": "migrate", "engine": "redis", "connection": {"password": "wrong-password"}}
    with pytest.raises(Failure) as caught:
        actions.handle({**request, "migrations": []})
    assert actions.redact(caught.value, request).message == "*** was refused"


@pytest.mark.usefixtures("engine")
def test_an_engine_that_fails_is_named_beside_the_others_without_its_secrets() -> None:
    engines = {"duckdb": {}, "redis": {"password": "wrong-password"}, "milvus": {"password": "hidden", "missing": True}}
    told = actions.handle({"protocol": 1, "action": "health", "engines": engines})["engines"]
    assert told["duckdb"]["status"] == "healthy"
    refused = {"kind": "AuthenticationFailed", "message": "*** was refused", "fix": "give it the right one"}
    assert told["redis"] == {"status": "failed", "error": refused}
    assert told["milvus"]["error"]["message"] == "milvus: KeyError: '***'"
    with pytest.raises(Failure, match=r"\*\*\* was refused; milvus: KeyError: '\*\*\*'") as caught:
        verify(engines=engines)
    assert caught.value.fix == "give it the right one; look at the server's log, or report this"
