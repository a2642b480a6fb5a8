"""Opening a manager: what cannot be used keeps nobody from the others, and what was opened is closed again."""

import asyncio
from pathlib import Path

import pytest

from database import DatabaseManager, SyncDatabaseManager
from database.errors import ConfigurationInvalid
from database.settings import DatabaseSettings


@pytest.fixture
def settings(tmp_path: Path) -> DatabaseSettings:
    authority, database = tmp_path / "ca.crt", tmp_path / "kari.db"
    authority.write_text("no certificate")
    database.touch()
    others = ("POSTGRES", "REDIS", "MILVUS", "MINIO")
    return DatabaseSettings.of({
        "KAREN_CA_CERTIFICATE": str(authority), "ELASTICSEARCH_SCHEME": "https", "ELASTICSEARCH_PORT": "1", "DUCKDB_PATH": str(database),
        **{f"ENABLE_{name}": "false" for name in others},
    })  # fmt: skip


def test_a_file_that_is_no_certificate_is_named_and_keeps_nobody_from_the_others(settings: DatabaseSettings) -> None:
    async def scenario() -> None:
        async with DatabaseManager(settings) as manager:
            assert manager.duckdb._is_open
            failed = await manager.open()
            assert list(failed) == ["elasticsearch"]
            assert isinstance(failed["elasticsearch"], ConfigurationInvalid)
            assert "KAREN_CA_CERTIFICATE" in str(failed["elasticsearch"])

    asyncio.run(scenario())


def test_what_was_opened_is_closed_when_opening_is_broken_off(settings: DatabaseSettings) -> None:
    class Broken(DatabaseManager):
        async def open(self) -> dict[str, Exception]:  # type: ignore[override]
            await self.duckdb.open()
            raise TimeoutError("the application would not wait")

    async def scenario() -> None:
        manager = Broken(settings)
        client = manager.duckdb
        with pytest.raises(TimeoutError, match="would not wait"):
            async with manager:
                raise AssertionError("it is not open")
        assert not client._is_open

    asyncio.run(scenario())


def test_threads_close_alike(settings: DatabaseSettings) -> None:
    class Broken(SyncDatabaseManager):
        def open(self) -> dict[str, Exception]:  # type: ignore[override]
            self.duckdb.open()
            raise TimeoutError("the application would not wait")

    manager = Broken(settings)
    with pytest.raises(TimeoutError, match="would not wait"), manager:
        raise AssertionError("it is not open")
    assert not manager.duckdb._is_open
