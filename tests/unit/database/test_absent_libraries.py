"""Who does without an engine does without its library, and who wants neither metrics nor spans without theirs."""

import os
import subprocess
import sys

import pytest

_PROGRAM = """
import sys
for name in {absent!r}:
    sys.modules[name] = None

import asyncio
from database import DatabaseManager, DatabaseSettings, SyncDatabaseManager
from database.errors import ConfigurationInvalid, EngineDisabled, Unavailable
from database.outbox import __main__
from database.tenant import Tenant

async def scenario():
    off = {{f"ENABLE_{{name}}": "false" for name in {engines!r}}}
    settings = DatabaseSettings.of({{"POSTGRES_HOST": "127.0.0.1", "POSTGRES_PORT": "1", "POSTGRES_PASSWORD": "secret", **off}})
    async with DatabaseManager(settings) as db:
        tenant = Tenant(db, "acme")
        tenant.memories, tenant.recall, tenant.work()
        for name in {engines!r}:
            try:
                getattr(db, name.lower())
            except EngineDisabled:
                print(name, "is disabled")
        try:
            await db.postgres.run("read", lambda connection: connection.execute("SELECT 1"))
        except Unavailable:
            print("postgres is asked")
    with SyncDatabaseManager(settings) as db:
        print(db.health().status)

asyncio.run(scenario())
"""
ENGINES = {
    "REDIS": "redis",
    "ELASTICSEARCH": "elasticsearch",
    "MILVUS": "pymilvus",
    "DUCKDB": "duckdb",
    "MINIO": "minio",
}


@pytest.mark.parametrize("absent", [tuple(ENGINES.values()), ("prometheus_client", "opentelemetry")])
def test_the_rest_works_without(absent: tuple[str, ...]) -> None:
    program = _PROGRAM.format(absent=absent, engines=list(ENGINES))
    done = subprocess.run(
        [sys.executable, "-c", program], env={**os.environ}, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr
    told = done.stdout.splitlines()
    assert "postgres is asked" in told
    assert {f"{name} is disabled" for name in ENGINES} <= set(told)
    assert told[-1] == "down"


def test_an_engine_that_is_turned_on_without_its_library_is_told() -> None:
    program = (
        "import sys; sys.modules['redis'] = None\n"
        "from database import DatabaseManager, DatabaseSettings\n"
        "import asyncio\n"
        "settings = DatabaseSettings.of({'POSTGRES_PORT': '1', 'ENABLE_MILVUS': 'false', 'ENABLE_MINIO': 'false',"
        " 'ENABLE_ELASTICSEARCH': 'false', 'ENABLE_DUCKDB': 'false'})\n"
        "print(asyncio.run(DatabaseManager(settings).open())['redis'])\n"
        "from database import SyncDatabaseManager\n"
        "from database.errors import ConfigurationInvalid\n"
        "for kind in (DatabaseManager, SyncDatabaseManager):\n"
        "    try: kind(settings).redis\n"
        "    except ConfigurationInvalid as error: print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("pip install .[client]") == 3
    assert done.stdout.count("ENABLE_REDIS=false") == 3
