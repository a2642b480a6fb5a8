"""What is acknowledged is on the disk: as the program declares the servers, and as the migrations make the indices."""

from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from tests.contract.containers import Contract
from tests.contract.database.opened import Opened
from tests.contract.declared import declared

pytestmark = pytest.mark.contract


@pytest.fixture(scope="module")
def stack() -> Iterator[Contract]:
    """PostgreSQL and Redis as a production stack has them."""
    with Contract.session("durability") as contract:
        for service in ("postgres", "redis"):
            contract.start(service, **declared(service).changes)
        yield contract


def test_postgres_waits_for_its_disk(stack: Contract) -> None:
    """A commit is acknowledged when it is flushed, and a torn page is made whole again."""
    connection = declared("postgres").connection
    names = ("fsync", "synchronous_commit", "full_page_writes", "data_checksums", "wal_level")
    shown = "; ".join(f"SHOW {name}" for name in names)
    login = f"host=127.0.0.1 sslmode=require user={connection['user']} dbname={connection['database']}"
    commands = [part for one in shown.split("; ") for part in ("-c", one)]
    told = _asked(stack, "postgres", ["psql", login, "-qAt", *commands], {"PGPASSWORD": connection["password"]})
    assert dict(zip(names, told, strict=True)) == {
        "fsync": "on",
        "synchronous_commit": "on",
        "full_page_writes": "on",
        "data_checksums": "on",
        "wal_level": "replica",
    }


def test_redis_keeps_every_write_in_a_file(stack: Contract) -> None:
    """It is in the kernel's hands before it is acknowledged, and on the disk within a second, also while the file is rewritten."""
    connection = declared("redis").connection
    names = ("appendonly", "appendfsync", "no-appendfsync-on-rewrite", "aof-load-truncated")
    command = ["redis-cli", "--tls", "--insecure", "--no-auth-warning", "--user", str(connection["username"])]
    told = _asked(stack, "redis", [*command, "CONFIG", "GET", *names], {"REDISCLI_AUTH": str(connection["password"])})
    assert dict(zip(told[::2], told[1::2], strict=True)) == {
        "appendonly": "yes",
        "appendfsync": "everysec",
        "no-appendfsync-on-rewrite": "no",
        "aof-load-truncated": "yes",
    }


@pytest.mark.parametrize("index", ["ai_karen_memory", "ai_karen_documents"])
def test_elasticsearch_flushes_its_translog_before_it_answers(world: Opened, index: str) -> None:
    found = world.stack.elasticsearch.indices.get_settings(index=index, include_defaults=True, flat_settings=True)
    (answer,) = dict(found).values()
    assert {**answer["defaults"], **answer["settings"]}["index.translog.durability"].lower() == "request"


def _asked(stack: Contract, service: str, command: list[str], secrets: Mapping[str, Any]) -> list[str]:
    """Return the lines that a command prints inside a server."""
    done = stack.healthy(service).exec_run(command, environment=dict(secrets))
    assert isinstance(done.output, bytes)
    told = done.output.decode()
    assert done.exit_code == 0, told
    return told.split()
