"""A restore whose exchange fails each time is given up: real files of DuckDB and Redis, on directories in place of volumes."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from backup.engines.base import LOST, Task
from backup.engines.duckdb import PART
from backup.model import Taken
from backup.writing import SetWriter
from init.resources import data
from init.resources.gate import UnhealthyError
from init.resources.job import JobError
from ops.backups import journal, standing
from ops.cli.backup import giving_up, restoring
from ops.cli.errors import Refused
from ops.cli.services.rehearsed import rehearsed
from tests.unit.backup.duckdb_samples import place, run
from tests.unit.backup.hosting import Machine, machine
from tests.unit.backup.making import STACK, directory, nothing, origin
from tests.unit.backup.test_host_restoring import RESTORE, around, word
from tests.unit.backup.test_redis_rdb import contents, key, rdb, text

__all__ = ["around", "machine"]
GIVE_UP = ("backup", "restore", "--give-up", "--confirm", STACK)
RDB = rdb(key(0, text(b"old")))
CUT = JobError("The backup job ended without an answer. Its last line: ")


@pytest.fixture
def database(machine: Machine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """A DuckDB file and a volume of Redis with something newer than the set of both."""
    found, volume = place(tmp_path / "duckdb"), tmp_path / "redis"
    run(found, "CREATE TABLE kept AS SELECT 'old' AS word")
    with SetWriter(directory(machine.target), origin(), nothing) as writer:
        (tmp_path / "work").mkdir()
        task = Task(set_id=writer.id, staging=tmp_path / "work", progress=lambda _: None)
        writer.good("duckdb", PART.back_up(found, writer.sink("duckdb"), task))
        with writer.sink("redis").file("dump.rdb") as stream:
            stream.write(RDB)
        held = contents(RDB)
        writer.good("redis", Taken(
            tool="redis SYNC", server_version="8.0.2", schema_version="", counts=held.counts, checksums=held.checksums,
            began=1.0, ended=2.0, details={"bytes": len(RDB)},
        ))  # fmt: skip
    run(found, "UPDATE kept SET word = 'new'")
    volume.mkdir()
    (volume / "dump.rdb").write_bytes(b"new")
    backups = machine.outputs["operations"]["backups"]
    backups["configuration"]["engines"] = {"duckdb": found, "redis": {"expect": {"appendonly": "no"}}}
    backups["servers"]["redis"] = {**backups["servers"]["postgres"], "container": "c-redis", "volume": str(volume)}
    monkeypatch.setattr(data, "DIRECTORY", tmp_path / "no-migrations")
    return found


@pytest.fixture(autouse=True)
def servers(around: list[str], monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What happens around the jobs, servers included; none of them is real."""

    def told(verb: str) -> Any:
        def tell(engine: str, containers: Sequence[str], _: object) -> None:
            around.extend(f"{verb} {engine}: {container}" for container in containers)

        return tell

    monkeypatch.setattr(standing, "stop", told("stop"))
    monkeypatch.setattr(standing, "start", told("start"))
    for name in ("paused", "settle"):
        monkeypatch.setattr(giving_up, name, getattr(restoring, name))
    return around


def volume(database: dict[str, Any]) -> dict[str, bytes]:
    root = Path(database["path"]).parent.with_name("redis")
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def failing(machine: Machine) -> str:
    """Have a restore whose second exchange fails, as it always will; return what was said."""
    machine.trouble["exchange redis"] = JobError("backup: RestoreFailed: redis: read-only. Fix: room", "RestoreFailed")
    told = machine.document(*RESTORE, code=1)["error"]
    machine.trouble.clear()
    return str(told)


def test_what_is_exchanged_stays_and_what_is_not_is_as_before(
    machine: Machine, database: dict[str, Any], around: list[str]
) -> None:
    assert failing(machine).endswith("Should it never succeed: ./karen backup restore --give-up")
    around.clear()
    told = machine.document(*GIVE_UP)
    assert (told["kept"], list(told["restored"])) == (["redis"], ["duckdb"])
    assert told["message"].endswith("is given up. As before: redis; as restored: duckdb.")
    assert (word(database), volume(database)) == ("('old',)", {"dump.rdb": b"new"})
    service = f"ai-karen-{STACK}-backups ai-karen-{STACK}-relay"
    assert around == [
        *(f"stop {service}", "stop redis: c-redis", "start redis: c-redis", "settle duckdb,redis", f"start {service}")
    ]
    assert (journal.read(STACK), rehearsed(STACK)) == (None, [])
    # Nothing is left to give up, nor in the way of the next restore.
    assert machine.document(*GIVE_UP)["given_up"] is False
    assert machine.document(*RESTORE, "--only", "duckdb")["set"]


def test_a_server_that_is_not_healthy_with_what_was_restored_has_its_own_data_again(
    machine: Machine, database: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def start(engine: str, *_: object) -> None:
        if engine == "redis" and volume(database)["dump.rdb"] == RDB:
            raise UnhealthyError("The container c-redis is unhealthy. Likely fix: raise its memory.")

    monkeypatch.setattr(standing, "start", start)
    for _ in range(2):
        assert "c-redis is unhealthy" in machine.document(*RESTORE, code=1)["error"]
    assert {"dump.rdb": RDB, "replaced/dump.rdb": b"new"}.items() <= volume(database).items()
    machine.document(*GIVE_UP)
    assert volume(database) == {"dump.rdb": b"new"}


def test_what_is_not_agreed_to_or_not_asked_for_alone_touches_nothing(
    machine: Machine, database: dict[str, Any]
) -> None:
    failing(machine)
    before = volume(database)
    for words, code, said in (
        ((), 1, "add --confirm dev"),
        (("--confirm", "prod"), 1, "--confirm is 'prod'"),
        (("--confirm", STACK, "--only", "redis"), 2, "alone. Nothing was touched"),
        (("latest", "--confirm", STACK, "--at", "2026-01-01"), 2, "Fix: ./karen backup restore --give-up"),
    ):
        done = machine.karen("backup", "restore", "--give-up", *words)
        assert (done.exit_code, said in done.stderr) == (code, True), done.stderr
    told = machine.karen("backup", "restore", "--give-up").stdout
    assert "duckdb: stays as restored from" in told
    assert "redis: what it held before the restore comes back" in told
    left = journal.read(STACK)
    assert left is not None
    assert not left.giving_up
    assert volume(database) == before


@pytest.mark.parametrize("at", ["give_up redis", "start", "settle"])
def test_killed_while_it_gives_up_it_goes_on(
    machine: Machine, database: dict[str, Any], monkeypatch: pytest.MonkeyPatch, at: str
) -> None:
    def end(*_: object) -> None:
        raise KeyboardInterrupt

    failing(machine)
    with monkeypatch.context() as patch:
        if at in ("start", "settle"):
            patch.setattr(standing if at == "start" else giving_up, at, end)
        else:
            machine.trouble[at] = KeyboardInterrupt()  # type: ignore[assignment]
        assert machine.karen(*GIVE_UP).exit_code == 130
    machine.trouble.clear()
    (told,) = rehearsed(STACK)
    assert "is being given up" in told.summary
    assert told.fix == f"./karen backup restore --give-up --stack {STACK}"
    if at == "give_up redis":
        refused = machine.document(*RESTORE, "--only", "duckdb", code=1)["error"]
        assert "redis is not as before yet. Nothing was touched. Fix: ./karen backup restore --give-up" in refused
    assert machine.document(*GIVE_UP)["kept"] == ["redis"]
    assert (journal.read(STACK), volume(database)) == (None, {"dump.rdb": b"new"})


def test_what_it_has_again_may_be_what_another_set_is_needed_for(
    machine: Machine, database: dict[str, Any], around: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def start(*_: object) -> None:
        raise UnhealthyError("The container c-redis ended with code 1. Likely fix: read its log.")

    failing(machine)
    around.clear()
    with monkeypatch.context() as patch:
        patch.setattr(standing, "start", start)
        told = machine.document(*GIVE_UP, code=1)["error"]
    assert told.endswith("or restore a set")
    assert "settle duckdb,redis" not in around
    assert volume(database) == {"dump.rdb": b"new"}
    assert machine.document(*RESTORE, "--only", "duckdb")["set"]
    assert journal.read(STACK) is None


def test_what_cannot_be_given_up_yet_keeps_nobody_else_from_running(
    machine: Machine, database: dict[str, Any], around: list[str]
) -> None:
    failing(machine)
    around.clear()
    machine.trouble["give_up redis"] = JobError(
        "backup: RestoreFailed: redis: Input/output error. Fix: x", "RestoreFailed"
    )
    told = machine.document(*GIVE_UP, code=1)["error"]
    assert "Input/output error" in told
    assert told.endswith("give the same command again: ./karen backup restore --give-up")
    # On half of its data, it would begin anew.
    assert [one for one in around if "redis" in one] == ["stop redis: c-redis"]
    left = journal.read(STACK)
    assert left is not None
    assert left.open == ["redis"]
    machine.trouble.clear()
    assert machine.document(*GIVE_UP)["kept"] == ["redis"]


def test_what_has_no_way_back_and_none_forward_is_named_and_left_to_the_next_restore(
    machine: Machine, database: dict[str, Any], around: list[str]
) -> None:
    machine.trouble["exchange duckdb"] = CUT
    machine.document(*RESTORE, code=2)
    machine.trouble = {"give_up duckdb": JobError("backup: NoWayBack: duckdb: what was there is gone. Fix: x", LOST)}
    around.clear()
    done = machine.karen(*GIVE_UP)
    assert done.exit_code == 1
    assert "duckdb: neither as before nor as in" in done.stdout
    assert "redis: as before the restore" in done.stdout
    assert "what was there is gone" in done.stderr
    assert "settle duckdb,redis" in around
    assert (journal.read(STACK), volume(database)) == (None, {"dump.rdb": b"new"})


def test_what_was_exchanged_and_not_noted_is_finished_where_there_is_no_way_back(
    machine: Machine, database: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def end(*_: object) -> None:
        raise Refused("no place is left")

    with monkeypatch.context() as patch:
        patch.setattr(journal, "note", end)
        machine.document(*RESTORE, code=1)
    told = machine.document(*GIVE_UP)
    assert (told["kept"], list(told["restored"])) == (["redis"], ["duckdb"])
    assert word(database) == "('old',)"
    assert sorted(path.name for path in Path(database["path"]).parent.iterdir()) == ["kari.db", "kari.db.lease"]


def test_what_cannot_be_finished_stays_as_restored(machine: Machine, database: dict[str, Any]) -> None:
    machine.trouble["finish duckdb"] = CUT
    machine.document(*RESTORE, code=2)
    told = machine.document(*GIVE_UP, code=1)["error"]
    assert told.startswith("duckdb is as restored, but what is left of the restore is still there")
    assert (word(database), journal.read(STACK)) == ("('old',)", None)
