"""Which set a restore takes: what cannot be is refused in a sentence, before anything is read to its end or touched."""

import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from init.resources import data
from ops.backups.reporting import Reporter
from ops.backups.stack import StackBackups
from ops.cli.backup.asked import Asked
from ops.cli.backup.asking import failures
from ops.cli.backup.choosing import Chosen, choose, instant, moment_of
from ops.cli.backup.places import place
from ops.cli.errors import CommandError, NotAsked, Refused
from tests.unit.backup.hosting import Machine, machine
from tests.unit.backup.making import STACK, directory, made
from tests.unit.backup.test_host_sets import flip

__all__ = ["machine"]


@pytest.fixture(autouse=True)
def schema(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout whose PostgreSQL is at the set's version."""
    folder = tmp_path / "data" / "postgres"
    folder.mkdir(parents=True)
    for number in (1, 2, 3):
        (folder / f"00{number}_step.sql").write_text("SELECT 1;\n")
    monkeypatch.setattr(data, "DIRECTORY", folder.parent)
    return folder


def chosen(machine: Machine, wanted: str = "latest", *only: str, at: str | None = None) -> Chosen:
    asked = Asked(stack=STACK, into=STACK, wanted=wanted, only=only, at=at)
    with failures():
        return choose(StackBackups.of(STACK), place(STACK, target=None, identity=None), asked, Reporter(quiet=True))


def refused(machine: Machine, wanted: str = "latest", *only: str, at: str | None = None) -> CommandError:
    """Return why nothing was chosen; no file of a set was read for that."""
    with pytest.raises(CommandError) as caught:
        chosen(machine, wanted, *only, at=at)
    assert "check" not in machine.steps
    return caught.value


def iso(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).isoformat()


def test_the_authority_comes_first_and_every_engine_stands_where_it_was_taken(machine: Machine) -> None:
    made_ = made(directory(machine.target))
    found = chosen(machine)
    assert (found.engines, found.newest) == (("postgres", "milvus"), made_.id)
    assert found.points == {"postgres": 2.5, "milvus": 2.5}
    assert machine.steps == ["find", "check"]


def test_an_unknown_engine_is_refused_before_any_job(machine: Machine) -> None:
    error = refused(machine, "latest", "oracle", "redis")
    assert (error.code, machine.jobs) == (2, [])
    assert "--only is oracle; allowed: duckdb, redis" in str(error)


def test_an_engine_that_the_set_or_the_stack_does_not_have_is_named(machine: Machine) -> None:
    target = directory(machine.target)
    made(target, "whole")
    made(target, "cut", incomplete=True)
    assert "has no redis; it has milvus, postgres" in str(refused(machine, "whole", "redis"))
    cut = refused(machine, "cut")
    assert cut.code == 1
    assert "has no whole milvus: it did not answer. Nothing was touched." in str(cut)
    assert chosen(machine, "cut", "postgres", "postgres").engines == ("postgres",)
    machine.jobs.clear()
    del machine.outputs["operations"]["backups"]["configuration"]["engines"]["milvus"]
    assert "The stack dev has no milvus." in str(refused(machine, "whole"))


def test_damage_of_an_engine_is_in_the_way_of_that_one_alone(machine: Machine) -> None:
    set_id = made(directory(machine.target)).id
    flip(machine, set_id, "milvus/collections/memory.rows.zst.age")
    assert chosen(machine, "latest", "postgres").engines == ("postgres",)
    for only in ((), ("milvus",)):
        with pytest.raises(Refused, match=r"milvus/collections/memory\.rows"):
            chosen(machine, "latest", *only)


def test_a_moment_moves_postgres_and_takes_the_newest_set_not_later(machine: Machine) -> None:
    target = directory(machine.target)
    first = made(target, "first")
    time.sleep(1.01)
    between = time.time()
    time.sleep(0.01)
    second = made(target, "second")
    found = chosen(machine, at=iso(between))
    assert found.newest == first.id
    assert found.points == {"postgres": pytest.approx(between, abs=1e-3), "milvus": 2.5}
    assert chosen(machine, at=iso(time.time())).newest == second.id
    machine.jobs.clear()
    for wanted in ("second", second.id):
        late = refused(machine, wanted, at=iso(between))
        assert late.code == 1
        assert f"{second.id} was finished at " in str(late)
        assert "after the moment that is asked for" in str(late)
    assert "there are: " in str(refused(machine, at=iso(first.began - 1)))


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-03-29T01:30:00Z", "2026-03-29T01:30:00+00:00"),
        ("2026-03-29T01:30:00", "2026-03-29T01:30:00+00:00"),
        ("2026-03-29 01:30:00.123456+05:30", "2026-03-28T20:00:00.123456+00:00"),
        ("2026-03-29", "2026-03-29T00:00:00+00:00"),
    ],
)
def test_a_time_without_a_zone_is_utc(text: str, moment: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "America/New_York")
    time.tzset()
    try:
        assert instant(text) == moment
        assert moment_of(text) == datetime.fromisoformat(moment).timestamp()
    finally:
        monkeypatch.undo()
        time.tzset()


@pytest.mark.parametrize("text", ["yesterday", "", "2026-13-01", "2999-01-01", "1764000000"])
def test_what_is_no_time_or_to_come_is_refused(text: str) -> None:
    with pytest.raises(NotAsked, match=r"--at is .*Nothing was touched"):
        moment_of(text)


def test_no_moment_is_none() -> None:
    assert (moment_of(None), instant(None)) == (None, None)


def test_a_set_of_a_newer_schema_is_refused(machine: Machine, schema: Path) -> None:
    made(directory(machine.target))
    (schema / "003_step.sql").unlink()
    assert "the set's schema is 003, and this checkout knows 002 at most" in str(refused(machine))
    (schema / "001_step.sql").unlink()
    error = refused(machine)
    assert error.code == 1
    assert "Nothing was touched" in str(error)
