"""docs/disaster-recovery.md, executed: each situation is brought about, and its commands do what the page says.

One small stack goes through them in the page's order. The last one needs every engine.
"""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest
import redis

from bootstrap import places
from ops.backups import throwaway
from tests.e2e import clients
from tests.e2e.backups.samples import document, in_volume
from tests.e2e.backups.small import Small
from tests.e2e.live import LiveStack
from tests.e2e.pages import Section, sections

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]
SITUATIONS = sections(places.CHECKOUT / "docs" / "disaster-recovery.md")
BEFORE, MEMORIES = "Before anything happens", "Memories do not agree"
# A segment of the log is ended after a minute, received, encrypted and stored.
_ARCHIVED_SECONDS = 66


@pytest.fixture(scope="module")
def prepared(small: Small) -> Small:
    """The small stack, for which everything was done that the page wants to be done before."""
    env = small.live.variables()
    small.sql("CREATE TABLE written (number integer PRIMARY KEY)")
    clients.redis_client(env).set("kept", "yes")
    with clients.duckdb_file(env) as duckdb:
        duckdb.execute("INSERT INTO profiles (user_id) VALUES ('kept')")
    identity = small.do(SITUATIONS[BEFORE])
    assert "AGE-SECRET-KEY" not in identity
    checked = small.do(SITUATIONS[BEFORE])
    assert checked.count("is whole") == 2
    assert "The next set is made" in checked
    return small


def written(moment: float) -> str:
    """Return Unix seconds as the page has moments."""
    return datetime.fromtimestamp(moment, UTC).isoformat(timespec="microseconds")


def deleted(small: Small, situation: Section) -> None:
    small.sql("INSERT INTO written VALUES (1)")
    time.sleep(0.5)
    moment = time.time()
    time.sleep(0.5)
    small.sql("INSERT INTO written VALUES (2)")
    small.sql("DELETE FROM written WHERE number = 1")
    # As if the segment were full; another test waits for its minute.
    small.sql("SELECT pg_switch_wal()")
    small.archived(moment, within=30)
    assert "followed" in small.do(situation)
    small.do(situation, TIME=written(moment))
    assert small.rows() == [1]


def damaged(small: Small, situation: Section) -> None:
    document(small.live, "backup", "create", "--label", "before")
    clients.redis_client(small.live.variables()).set("later", "yes")
    small.engine.api.kill(small.live.container("redis"))
    in_volume(
        small.live, "redis-data", "sh", "-c", "for file in /v/appendonlydir/*.rdb; do echo nonsense > $file; done"
    )
    small.engine.api.start(small.live.container("redis"))
    told = small.do(situation, codes=(1,))
    assert f"--only redis --stack {small.live.name}" in told.partition("Fix: ./karen backup restore ")[2], told
    small.do(situation, SET="before", ENGINE="redis")
    assert clients.redis_client(small.live.variables()).mget(["kept", "later"]) == ["yes", None]
    assert small.rows() == [1]


def interrupted(small: Small, situation: Section) -> None:
    clients.redis_client(small.live.variables()).set("later", "yes")
    name = small.live.name
    asked = ["backup", "restore", "before", "--only", "redis", "--stack", name, "--confirm", name]
    with subprocess.Popen(
        [str(places.CHECKOUT / "karen"), *asked], stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        assert process.stderr is not None
        assert any(line.startswith("redis: stops") for line in process.stderr)
        os.killpg(process.pid, signal.SIGKILL)
    assert "is not finished" in small.do(situation, codes=(1,))
    assert "it is finished" in small.do(situation)
    small.do(situation)
    assert clients.redis_client(small.live.variables()).mget(["kept", "later"]) == ["yes", None]
    assert small.engine.containers.get(small.live.container("backups")).status == "running"


def identity_lost(small: Small, situation: Section) -> None:
    file = Path(small.variables["IDENTITY"])
    before = file.read_text()
    file.unlink()
    small.do(situation)
    assert file.read_text() == before


def drilled(small: Small, situation: Section) -> None:
    # What the next situation loses.
    small.keep_writing()
    try:
        for _ in situation.blocks:
            told = small.do(situation)
            assert "comes back whole in" in told
            assert "(RTO)" in told
            assert "(RPO)" in told
            # What this machine's file says of engines does not matter to the second.
            small.live.configure(enableRedis="false")
    finally:
        small.live.configure(enableRedis=None)
    assert throwaway.left() == []


def volume_gone(small: Small, situation: Section) -> None:
    acknowledged = small.keep_writing()
    while time.time() - min(acknowledged.values(), default=time.time()) < _ARCHIVED_SECONDS + 10:
        time.sleep(0.5)
    containers = [small.live.container(name) for name in ("postgres", "redis", "backups")]
    subprocess.run(["docker", "kill", *containers], check=True, capture_output=True)
    moment = time.time() - _ARCHIVED_SECONDS
    small.stop_writing()
    small.engine.api.remove_container(containers[0])
    small.engine.api.remove_volume(f"{containers[0]}-data")
    small.do(situation)
    small.do(situation, TIME=written(moment))
    small.do(situation)
    assert small.engine.containers.get(containers[2]).status == "running"
    there = {number for number in small.rows() if isinstance(number, int) and number >= 1000}
    assert len(there) >= 10
    assert {number for number, at in acknowledged.items() if at <= moment} <= there
    assert {number for number, at in acknowledged.items() if at > moment + 1} & there == set()
    assert clients.redis_client(small.live.variables()).get("kept") == "yes"


def machine_gone(small: Small, situation: Section) -> None:
    small.sql("INSERT INTO written VALUES (3)")
    time.sleep(0.5)
    moment, old = time.time(), small.live.variables()
    small.sql("INSERT INTO written VALUES (4)")
    small.sql("SELECT pg_switch_wal()")
    small.archived(moment, within=30)
    committed = small.live.file.read_text()
    small.live.erase()
    assert not any(small.live.on_engine().values())
    small.live.file.write_text(committed)
    small.do(situation)
    assert small.sql("SELECT to_regclass('written')") == [None]
    small.do(situation, TIME=written(moment))
    env = small.live.variables()
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(old["DATABASE_URL"], connect_timeout=5)
    with pytest.raises(redis.AuthenticationError):
        clients.redis_client(old).ping()
    assert {3, 4} & set(small.rows()) == {3}
    assert clients.redis_client(env).get("kept") == "yes"
    with clients.duckdb_file(env) as duckdb:
        assert duckdb.execute("SELECT count(*) FROM profiles WHERE user_id = 'kept'").fetchall() == [(1,)]
    listed = small.do(situation)
    assert "refused" not in listed
    assert small.variables["NEW_IDENTITY"] in listed


SCENARIOS: Mapping[str, Callable[[Small, Section], None]] = {
    BEFORE: lambda *_: None,
    "Rows were deleted a moment ago": deleted,
    "One engine's data are damaged": damaged,
    "A restore was interrupted": interrupted,
    "The identity file is lost": identity_lost,
    "A drill": drilled,
    "PostgreSQL's volume is gone": volume_gone,
    "The machine is gone": machine_gone,
}


# A drill takes the same way back, of another machine's set.
_LONG = ("The machine is gone",)


@pytest.mark.parametrize(
    "title", [pytest.param(one, marks=pytest.mark.full) if one in _LONG else one for one in SCENARIOS]
)
def test_the_commands_do_what_the_page_says(prepared: Small, title: str) -> None:
    SCENARIOS[title](prepared, SITUATIONS[title])
    assert SITUATIONS[title].done == len(SITUATIONS[title].blocks)


def test_memories_are_reconciled(stack: LiveStack) -> None:
    env = stack.variables()
    with clients.elasticsearch(env) as elasticsearch:
        orphan = {"vector_id": 987654321, "query": "of no row"}
        elasticsearch.index(index="ai_karen_memory", id="orphan", document=orphan, refresh=True)
        assert "orphaned" in SITUATIONS[MEMORIES].run({"STACK": stack.name}, codes=(1,))
        # Other tests may have left memories that only an application can embed.
        told = SITUATIONS[MEMORIES].run({"STACK": stack.name}, codes=(0, 1))
        assert "PostgreSQL" in told
        assert not elasticsearch.exists(index="ai_karen_memory", id="orphan")


def test_no_command_of_the_page_is_left_out() -> None:
    assert list(SITUATIONS) == [*SCENARIOS, MEMORIES]
