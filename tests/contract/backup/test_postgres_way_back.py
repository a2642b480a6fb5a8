"""A real PostgreSQL whose exchange was cut off, or that does not start with what was restored, has its own data again."""

from collections.abc import Iterator
from typing import Any

import pytest

from backup.engines.base import HALF
from backup.model import Taken
from tests.contract.backup.postgres_servers import Servers, good, two_servers

pytestmark = pytest.mark.contract


@pytest.fixture(scope="module")
def servers() -> Iterator[Servers]:
    with two_servers("backup-postgres-way-back") as started:
        with started.session("source") as opened:
            opened.execute("CREATE TABLE restored AS SELECT 1 AS one")
            opened.execute("CREATE DATABASE side")
        with started.session("target") as opened:
            opened.execute("CREATE TABLE before AS SELECT 1 AS one")
        yield started


@pytest.fixture(scope="module")
def taken(servers: Servers) -> Taken:
    return servers.back_up("source", "set")


def step(servers: Servers, taken: Taken, name: str, **connection: Any) -> Any:
    return servers.do("target", name, taken=taken.__dict__, files="/files/set", connection=connection)


def tables(servers: Servers) -> set[str]:
    """Return which of the tables of these tests the target has."""
    with servers.session("target") as opened:
        rows = opened.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
    return {name for (name,) in rows}


def names(servers: Servers) -> list[str]:
    return servers.sh("target", "ls /volumes/postgres").split()


def test_a_server_that_does_not_start_with_what_was_restored_has_its_own_data_again(
    servers: Servers, taken: Taken
) -> None:
    servers.load("target", "set", taken)
    servers.containers["target"].stop(timeout=60)
    good(step(servers, taken, "exchange"))
    servers.sh("target", "rm /volumes/postgres/pgdata/global/pg_control")
    servers.containers["target"].start()
    assert servers.containers["target"].wait(timeout=30)["StatusCode"] != 0
    for _ in range(2):
        assert good(step(servers, taken, "give_up"))["back"] is True
    assert names(servers) == ["pgdata"]
    servers.again("target")
    assert tables(servers) == {"before"}


def test_where_nobody_knows_of_it_a_load_says_so_and_nothing_is_lost(servers: Servers, taken: Taken) -> None:
    servers.load("target", "set", taken)
    servers.containers["target"].stop(timeout=60)
    servers.sh("target", "mv /volumes/postgres/pgdata /volumes/postgres/replaced")
    assert step(servers, taken, "load")["failure"]["kind"] == HALF
    good(step(servers, taken, "give_up", unnoted=True))
    servers.again("target")
    assert tables(servers) == {"before"}
    servers.load("target", "set", taken)
    servers.containers["target"].stop(timeout=60)
    servers.sh("target", "mv /volumes/postgres/pgdata /volumes/postgres/replaced")
    # It is started, and begins anew.
    servers.again("target")
    with servers.session("target") as opened:
        opened.execute("CREATE TABLE since ()")
    assert step(servers, taken, "load")["failure"]["kind"] == HALF
    servers.containers["target"].stop(timeout=60)
    told = good(step(servers, taken, "give_up", unnoted=True))["lines"]
    assert "it was started since" in told[0]
    servers.again("target")
    assert tables(servers) == {"since"}
    assert names(servers) == ["earlier", "pgdata"]
    servers.sh("target", "test -f /volumes/postgres/earlier/pgdata.0/PG_VERSION")
    servers.restore("target", "set", taken)
    assert (tables(servers), names(servers)) == ({"restored"}, ["pgdata"])


def test_dumps_that_were_exchanged_give_way_to_what_was_there(servers: Servers) -> None:
    found = Taken(**good(servers.do("source", "back_up", files="/files/dumps", connection={"logical": True})))

    def do(name: str) -> Any:
        request: dict[str, Any] = {"taken": found.__dict__, "files": "/files/dumps", "connection": {"logical": True}}
        return good(servers.do("target", name, **request))

    with servers.session("target") as opened:
        opened.execute("DROP TABLE IF EXISTS restored")
        opened.execute("CREATE TABLE IF NOT EXISTS before AS SELECT 1 AS one")
        # An earlier test has restored it.
        opened.execute("DROP DATABASE IF EXISTS side")
    do("load")
    do("exchange")
    assert tables(servers) == {"restored"}
    with servers.session("target"):
        for _ in range(2):
            assert do("give_up")["back"] is True
    assert "before" in tables(servers)
    with servers.session("target") as opened:
        databases = opened.execute("SELECT datname FROM pg_database WHERE NOT datistemplate ORDER BY 1").fetchall()
        closed = opened.execute("SELECT count(*) FROM pg_database WHERE NOT datallowconn AND NOT datistemplate")
        assert (databases, closed.fetchone()) == ([("app",), ("postgres",)], (0,))
    # Cut off between the closing of the old and the renaming.
    do("load")
    with servers.session("target", database="template1") as other:
        other.execute("ALTER DATABASE app ALLOW_CONNECTIONS false")
    assert do("give_up")["back"] is True
    assert "before" in tables(servers)
    for name in ("load", "exchange", "finish"):
        do(name)
    assert tables(servers) == {"restored"}
