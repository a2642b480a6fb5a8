"""PostgreSQL on real servers: taken while it is written to, brought back exactly, with the target's credentials alone."""

import base64
import json
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from backup.keys import identity_of, recipient_of
from backup.wal import segments
from init.engines.postgres_connection import Connection
from init.protocol import Failure
from tests.contract.backup.postgres_servers import Servers, two_servers
from tests.contract.backup.postgres_values import EVERY, VALUES
from tests.contract.backup.postgres_writing import writing
from tests.contract.servers import PASSWORD

SEED = base64.b64encode(bytes(range(32))).decode()
pytestmark = pytest.mark.contract


@pytest.fixture(scope="module")
def servers() -> Iterator[Servers]:
    with two_servers() as started:
        with started.session("source") as opened:
            opened.execute(VALUES.encode())
            opened.execute("ALTER SYSTEM SET work_mem = '5MB'")
            opened.execute(
                "CREATE SUBSCRIPTION theirs CONNECTION 'host=elsewhere' PUBLICATION all_of_it WITH (connect = false)"
            )
            opened.execute("CREATE DATABASE side")
        with started.session("source", database="side") as opened:
            opened.execute("CREATE TABLE pairs AS SELECT n, repeat(n::text, 20) FROM generate_series(1, 1000) AS n")
        yield started


def test_a_backup_under_writes_comes_back_exactly_and_is_the_target_s(servers: Servers) -> None:
    with writing(servers) as acknowledged:
        taken = servers.back_up("source", "under-writes")
    assert taken.details["exact"], taken.details["inexact"]
    assert {name: count for name, count in taken.counts.items() if name not in ("ledger", "changing")} == EVERY
    assert set(taken.checksums) == set(taken.counts)
    with pytest.raises(AssertionError, match=r"MaskFailed.*no_such_table"):
        servers.restore("target", "under-writes", taken, mask="DELETE FROM texts; DELETE FROM no_such_table")
    with servers.session("target") as opened:
        assert opened.execute("SELECT to_regclass('texts')").fetchone() == (None,)
    told = servers.restore(
        "target", "under-writes", taken, mask="UPDATE numbers SET n = 0 WHERE id = 1; DELETE FROM texts"
    )
    assert any("reader has no password" in line for line in told), told
    with servers.session("target") as opened:
        rows: dict[int, float] = dict(opened.execute("SELECT id, acknowledged FROM ledger").fetchall())
        assert opened.execute("SELECT sum(sum) FROM changing").fetchone() == (sum(rows),)
        assert opened.execute("SELECT n FROM numbers WHERE id = 1").fetchone() == (0,)
        assert opened.execute("SELECT count(*) FROM texts").fetchone() == (0,)
        assert opened.execute("SELECT nextval('counter') < -1, current_user::text").fetchone() == (True, "dev")
        assert opened.execute("SHOW work_mem").fetchone() == ("4MB",)
        assert opened.execute("SELECT count(*) FROM pg_subscription").fetchone() == (0,)
        mappings = opened.execute("SELECT usename, umoptions FROM pg_user_mappings ORDER BY 1").fetchall()
        assert mappings == [("dev", ["user=me"]), ("public", ["user=all"])]
        roles = opened.execute(
            "SELECT rolname, rolpassword IS NULL FROM pg_authid WHERE rolcanlogin ORDER BY 1"
        ).fetchall()
        assert roles == [("dev", False), ("reader", True)]
    for number, (sent, answered) in acknowledged.items():
        if answered < taken.began:
            assert rows[number] == sent
        elif sent > taken.ended:
            assert number not in rows
    assert max(answered - sent for sent, answered in acknowledged.values()) < 5
    assert len(rows) == taken.counts["ledger"]
    assert sum(answered < taken.began for _, answered in acknowledged.values()) > 10
    assert sum(sent > taken.ended for sent, _ in acknowledged.values()) > 10
    for user, password in (("karen", PASSWORD), ("reader", "the source's"), ("dev", PASSWORD)):
        with pytest.raises(Failure, match="authentication failed"):
            servers.session("target", user=user, password=password)
    check = ["pg_amcheck", "-h", "127.0.0.1", "-U", "dev", "--all", "--install-missing", "--heapallindexed"]
    code, output = servers.containers["target"].exec_run(
        check, environment={"PGPASSWORD": servers.connections["target"]["password"]}
    )
    assert code == 0, output
    assert servers.sh("target", "ls /volumes/postgres").split() == ["pgdata"]


@pytest.mark.full
@pytest.mark.timeout(300)
def test_backups_under_writes_are_exact_again_and_again(servers: Servers) -> None:
    rows = 0
    with writing(servers):
        for _ in range(10):
            taken = servers.back_up("source", "again")
            assert taken.details["exact"], taken.details["inexact"]
            assert taken.counts["ledger"] > rows
            rows = taken.counts["ledger"]
            servers.restore("target", "again", taken)
            servers.sh("source", "rm -r /files/again")


def test_a_moment_between_two_markers_comes_back_from_the_archive(servers: Servers) -> None:
    identity = identity_of(SEED)
    archive = {"archive": "/files/archive", "seed": SEED, "identity": identity, "recipient": recipient_of(identity)}
    with servers.job_in("source", servers.contract.name) as job, servers.session("source") as opened:
        servers.begin("source", "receive", job, **archive)
        _state(servers, lambda state: state["following"])
        taken = servers.back_up("source", "moment")
        opened.execute("CREATE TABLE markers (name text)")
        opened.execute("INSERT INTO markers VALUES ('first')")
        time.sleep(0.5)
        until = datetime.now(UTC)
        time.sleep(0.5)
        opened.execute("INSERT INTO markers VALUES ('second')")
        committed = time.time()
        state = _state(servers, lambda state: state["complete_to"] > committed)
        assert time.time() - committed < 10
        assert state["lag_seconds"] == 0
    connection = {**archive, "until": until.isoformat()}
    servers.restore("target", "moment", taken, **connection)
    with servers.session("target") as opened:
        assert opened.execute("SELECT name FROM markers").fetchall() == [("first",)]
    # Later than the last commit, and archived: all of it.
    servers.restore(
        "target", "moment", taken, **{**archive, "until": datetime.fromtimestamp(state["complete_to"], UTC).isoformat()}
    )
    with servers.session("target") as opened:
        assert opened.execute("SELECT name FROM markers").fetchall() == [("first",), ("second",)]
    name = segments.following(taken.details["segment"], 1 << 24)
    segment = f"/files/archive/test/wal/{state['chain']}/{name}.zst.age"
    servers.sh("source", f"printf XXXXXXXX | dd of={segment} bs=1 seek=3000 conv=notrunc")
    answer = servers.do("target", "load", taken=taken.__dict__, files="/files/moment", connection=connection)
    assert answer["failure"]["kind"] == "Damaged", answer
    assert segment.removeprefix("/files/archive/") in answer["failure"]["message"]
    servers.sh("source", f"rm {segment}")
    answer = servers.do("target", "load", taken=taken.__dict__, files="/files/moment", connection=connection)
    assert segment.removeprefix("/files/archive/") in answer["failure"]["message"]
    with servers.session("target") as opened:
        assert opened.execute("SELECT count(*) FROM markers").fetchone() == (2,)
    assert servers.do("target", "discard") == {"lines": []}


def test_a_killed_backup_s_slot_is_gone_with_the_next_and_what_was_written_to_is_named(servers: Servers) -> None:
    slots = "SELECT slot_name FROM pg_replication_slots WHERE slot_name LIKE 'karen_set%'"
    with servers.session("source") as opened, servers.session("source") as other:
        with servers.job_in("source", servers.contract.name) as job:
            servers.begin("source", "back_up", job)
            deadline = time.monotonic() + 30
            while not opened.execute(slots).fetchall():
                assert time.monotonic() < deadline
        assert opened.execute(slots).fetchall() == [("karen_set_set_1",)]
        with other.transaction():
            other.execute("INSERT INTO texts VALUES ('not yet')")
            taken = servers.back_up("source", "inexact", attempts=[[0.0, "100ms"]])
        assert opened.execute(slots).fetchall() == []
    assert (taken.details["exact"], taken.details["inexact"], taken.counts["texts"]) == (False, ["texts"], 3)
    # Into the stack that it comes from, under a set's own name and password.
    told = servers.restore("source", "inexact", taken)
    assert any("are not compared: texts" in line for line in told), told
    with servers.session("source") as opened:
        assert opened.execute("SELECT count(*) FROM texts").fetchone() == (3,)
        assert opened.execute("SELECT current_setting('work_mem')").fetchone() == ("5MB",)


def test_a_tablespace_elsewhere_is_refused_by_name(servers: Servers) -> None:
    code, output = servers.containers["source"].exec_run(["mkdir", "-m", "700", "/tmp/elsewhere"])
    assert code == 0, output
    with servers.session("source") as opened:
        opened.execute("CREATE TABLESPACE elsewhere LOCATION '/tmp/elsewhere'")
        answer = servers.do("source", "back_up", files="/files/none")
        opened.execute("DROP TABLESPACE elsewhere")
    assert answer["failure"]["kind"] == "Unsupported"
    assert "the tablespace elsewhere at '/tmp/elsewhere'" in answer["failure"]["message"]


def test_where_the_server_has_not_kept_the_log_a_new_chain_begins(servers: Servers) -> None:
    archive = {"archive": "/files/lost", "seed": SEED, "recipient": recipient_of(identity_of(SEED))}
    with servers.job_in("source", servers.contract.name) as job, servers.session("source") as opened:
        opened.execute("ALTER SYSTEM SET max_slot_wal_keep_size = '16MB'")
        opened.execute("SELECT pg_reload_conf()")
        servers.begin("source", "receive", job, **archive)
        first = _state(servers, lambda state: state["following"] and state["segment"], "lost")
        servers.sh("source", "touch /files/lost/stop")
        _until(lambda: not _slot(opened)[0])
        for _ in range(4):
            opened.execute("SELECT pg_logical_emit_message(false, 'test', repeat('x', 12000000)), pg_switch_wal()")
        opened.execute("CHECKPOINT")
        assert _slot(opened) == (False, "lost")
        servers.begin("source", "receive", job, **archive)
        opened.execute("CREATE TABLE later ()")
        second = _state(servers, lambda state: state["chain"] != first["chain"] and bool(state["segment"]), "lost")
    assert second["chain_began"] > first["archived"]
    assert servers.sh("source", "ls /files/lost/test/wal").split() == [first["chain"], second["chain"]]


def _slot(opened: Connection) -> tuple[Any, ...]:
    row = opened.execute(
        "SELECT active, wal_status FROM pg_replication_slots WHERE slot_name = 'karen_archive'"
    ).fetchone()
    assert row is not None
    return row


def _until(wanted: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not wanted():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def _state(servers: Servers, wanted: Callable[[dict[str, Any]], Any], archive: str = "archive") -> dict[str, Any]:
    deadline = time.monotonic() + 30
    state: dict[str, Any] = {}
    while not (state and wanted(state)):
        assert time.monotonic() < deadline, state
        time.sleep(0.2)
        lines = servers.sh("source", f"tail -n 1 /files/{archive}/states 2>/dev/null || true").splitlines()
        state = json.loads(lines[-1]) if lines else {}
    return state
