"""PostgreSQL as dumps on real servers: taken while it is written to, loaded beside what goes on, exchanged by name."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from backup.model import Taken
from init.protocol import Failure
from tests.contract.backup.postgres_servers import Servers, good, two_servers
from tests.contract.backup.postgres_values import EVERY, VALUES
from tests.contract.backup.postgres_writing import writing
from tests.contract.servers import PASSWORD

pytestmark = pytest.mark.contract
FILES = "/files/logical"
_WAITING = "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'emptied'::regclass"
_OF_ROLES = """
    CREATE ROLE readers; CREATE ROLE keeper LOGIN PASSWORD 'theirs' IN ROLE readers;
    CREATE TABLE kept AS SELECT 1 AS one; ALTER TABLE kept OWNER TO keeper; GRANT SELECT ON kept TO readers;
    ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO readers;
    CREATE FUNCTION noticed() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN NULL; END';
    CREATE EVENT TRIGGER watching ON ddl_command_end EXECUTE FUNCTION noticed()"""


@pytest.fixture(scope="module")
def servers() -> Iterator[Servers]:
    with two_servers("backup-postgres-logical") as started:
        with started.session("source") as opened:
            opened.execute(VALUES.encode())
            opened.execute(_OF_ROLES.encode())
            opened.execute("CREATE SUBSCRIPTION theirs CONNECTION 'host=x' PUBLICATION p WITH (connect = false)")
            opened.execute("CREATE DATABASE side TEMPLATE template0 LC_COLLATE 'C' LC_CTYPE 'C'")
            opened.execute("REVOKE CONNECT ON DATABASE side FROM PUBLIC")
            opened.execute('CREATE DATABASE ".a/b=c d" OWNER keeper')
            opened.execute("ALTER DATABASE side SET search_path TO \"$user\", public, 'Other schema'")
        with started.session("source", database="side") as opened:
            opened.execute("CREATE TABLE pairs AS SELECT n, repeat(n::text, 20) FROM generate_series(1, 1000) AS n")
        with started.session("target") as opened:
            opened.execute("CREATE DATABASE theirs")
            opened.execute("CREATE TABLE before AS SELECT 1 AS one")
        yield started


@pytest.fixture(scope="module")
def taken(servers: Servers) -> Taken:
    with writing(servers) as acknowledged:
        found = Taken(**good(servers.do("source", "back_up", files=FILES, connection={"logical": True})))
        time.sleep(0.2)
    assert len(acknowledged) > found.counts["ledger"] > sum(one[1] < found.began for one in acknowledged.values()) - 1
    return found


def _step(servers: Servers, taken: Taken, step: str, **connection: Any) -> Any:
    request: dict[str, Any] = {"taken": taken.__dict__, "files": FILES, "connection": {"logical": True, **connection}}
    return servers.do("target", step, **request)


def _databases(servers: Servers) -> set[str]:
    with servers.session("target") as opened:
        rows = opened.execute("SELECT datname FROM pg_database WHERE NOT datistemplate").fetchall()
    return {name for (name,) in rows}


def test_what_is_refused_leaves_the_data_and_nothing_beside_them(servers: Servers, taken: Taken) -> None:
    assert {name: count for name, count in taken.counts.items() if name not in ("ledger", "changing", "kept")} == EVERY
    assert set(taken.checksums) == set(taken.counts)
    assert (taken.details["refreshed"], taken.schema_version) == (["seen"], "none")
    assert _step(servers, taken, "load", until="2026-11-22T10:15:00+00:00")["failure"]["kind"] == "Unsupported"
    mask = "DELETE FROM texts; DELETE FROM no_such_table"
    refused = _step(servers, taken, "load", mask=mask)["failure"]
    assert (refused["kind"], "no_such_table" in refused["message"]) == ("MaskFailed", True)
    other = Taken(**{**taken.__dict__, "checksums": {**taken.checksums, "others": "0" * 32}})
    refused = _step(servers, other, "load")["failure"]
    assert (refused["kind"], "others has other contents" in refused["message"]) == ("Mismatch", True)
    good(_step(servers, taken, "discard"))
    assert _databases(servers) == {"app", "postgres", "theirs"}
    with servers.session("target") as opened:
        roles = opened.execute("SELECT rolname FROM pg_roles WHERE rolname !~ '^pg_'").fetchall()
        opened.execute("CREATE ROLE karen")
        refused = _step(servers, taken, "load")["failure"]
        opened.execute("DROP ROLE karen")
        assert opened.execute("SELECT * FROM before").fetchall() == [(1,)]
    assert roles == [("dev",)]
    assert (refused["kind"], "a role karen" in refused["message"]) == ("Conflict", True)


def test_a_table_that_is_emptied_meanwhile_is_named(servers: Servers) -> None:
    with servers.session("source", database="side") as opened, ThreadPoolExecutor() as pool:
        opened.execute("CREATE TABLE emptied AS SELECT n FROM generate_series(1, 5) AS n")
        with servers.session("source", database="side") as holding:
            holding.execute("BEGIN; LOCK TABLE emptied IN ACCESS EXCLUSIVE MODE")
            request: dict[str, Any] = {"files": "/files/emptied", "connection": {"logical": True}}
            running = pool.submit(lambda: servers.do("source", "back_up", **request))
            deadline = time.monotonic() + 30
            while opened.execute(_WAITING).fetchone() == (0,):
                assert time.monotonic() < deadline, running
                time.sleep(0.05)
            holding.execute("TRUNCATE emptied; COMMIT")
        refused = running.result()["failure"]
        opened.execute("DROP TABLE emptied")
    assert (refused["kind"], "emptied was truncated" in refused["message"]) == ("BackupFailed", True), refused


def test_dumps_come_back_under_load_and_a_step_that_was_killed_is_repeated(servers: Servers, taken: Taken) -> None:
    with servers.session("target") as opened:
        opened.execute("CREATE DATABASE karen_restoring_app")
        opened.execute("CREATE DATABASE karen_replaced_app")
        told = good(_step(servers, taken, "load", mask="UPDATE numbers SET n = 0 WHERE id = 1"))["lines"]
        assert any("reader is made, and cannot log in" in line for line in told), told
        assert opened.execute("SELECT * FROM before").fetchall() == [(1,)]
        # Cut off between the closing of the old and the renaming.
        with servers.session("target", database="template1") as other:
            other.execute("ALTER DATABASE app ALLOW_CONNECTIONS false")
        for _ in range(2):
            good(_step(servers, taken, "exchange"))
    for _ in range(2):
        good(_step(servers, taken, "finish"))
    assert _databases(servers) == {".a/b=c d", "app", "postgres", "side", "theirs"}
    _compare(servers, taken)
    for user, password in (("karen", PASSWORD), ("reader", "the source's"), ("dev", PASSWORD)):
        with pytest.raises(Failure, match="authentication failed"):
            servers.session("target", user=user, password=password)


def _compare(servers: Servers, taken: Taken) -> None:
    with servers.session("target") as opened:
        rows = opened.execute("SELECT count(*), sum((SELECT sum(sum) FROM changing)) / count(*), sum(id) FROM ledger")
        count, changed, total = rows.fetchone() or (0, 0, 1)
        assert (count, changed) == (taken.counts["ledger"], total)
        assert opened.execute("SELECT n FROM numbers WHERE id = 1").fetchone() == (0,)
        assert opened.execute("SELECT nextval('counter') < -1, md5(lo_get(4242))").fetchone() == (
            *(True,), "d1d89a2e873f9942bc765be2027ef34c"
        )  # fmt: skip
        assert opened.execute("SELECT count(*) FROM pg_subscription").fetchone() == (0,)
        mappings = opened.execute("SELECT usename, umoptions FROM pg_user_mappings ORDER BY 1").fetchall()
        assert mappings == [("dev", ["user=me"]), ("public", ["user=all"])]
        owners = opened.execute(
            "SELECT relname, relowner::regrole::text FROM pg_class WHERE relname IN ('kept', 'numbers')"
        )
        assert sorted(owners.fetchall()) == [("kept", "keeper"), ("numbers", "dev")]
        opened.execute("CREATE TABLE after ()")
        may = "SELECT has_table_privilege(%s, %s, 'SELECT')"
        for who, table in (("readers", "kept"), ("readers", "after"), ("keeper", "after"), ("reader", "numbers")):
            assert opened.execute(may, [who, table]).fetchone() == (True,), (who, table)
        roles = opened.execute(
            "SELECT rolname, rolsuper, rolcanlogin, rolpassword IS NULL, shobj_description(oid, 'pg_authid') FROM pg_authid "
            "WHERE rolname !~ '^pg_' ORDER BY 1"
        ).fetchall()
        others = [(name, False, False, True, None) for name in ("keeper", "reader", "readers")]
        assert roles == [("dev", True, True, False, None), *others]
    with servers.session("target", database="side") as opened:
        facts = "SELECT datcollate, has_database_privilege('reader', oid, 'CONNECT') FROM pg_database WHERE datname = 'side'"
        assert opened.execute(facts).fetchone() == ("C", False)
        assert opened.execute("SELECT count(*) FROM pairs").fetchone() == (1000,)
        setting = opened.execute("SELECT setconfig FROM pg_db_role_setting").fetchall()
        assert setting == [(['search_path="$user", public, "Other schema"'],)]
        owner = "SELECT pg_get_userbyid(datdba)::text FROM pg_database WHERE datname = '.a/b=c d'"
        assert opened.execute(owner).fetchone() == ("keeper",)
