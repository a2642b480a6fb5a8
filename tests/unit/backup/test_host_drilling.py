"""A drill of a real DuckDB file, whose throw-away stack is one that is there: what it compares, keeps and refuses."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from backup.keys import IdentityFile
from bootstrap import places
from init.resources.job import JobError
from ops.backups import drills, throwaway
from ops.cli.backup import drilling
from tests.unit.backup import making
from tests.unit.backup.duckdb_samples import run
from tests.unit.backup.hosting import Machine, machine
from tests.unit.backup.making import IDENTITY, SIGNER, STACK
from tests.unit.backup.test_host_restoring import WORD, database

__all__ = ["database", "machine"]
# Of what a stack may leave out.
NOTHING_ELSE = {f"enable{name}": "false" for name in ("Redis", "Elasticsearch", "Milvus", "Minio", "Relay")}


@pytest.fixture
def stacks(machine: Machine, database: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What happens around a drill; its stack has DuckDB, and what was only told of is not in its sets."""
    del database
    told: list[str] = []

    @contextmanager
    def made(settings: dict[str, str], _: throwaway.Tell) -> Iterator[str]:
        told.append(f"made {settings}")
        try:
            yield STACK
        finally:
            told.append("removed")

    monkeypatch.setattr(throwaway, "throwaway", made)
    monkeypatch.setattr(throwaway, "left", lambda: ["drill-0123abcd"])
    monkeypatch.setattr(throwaway, "erase", lambda name: told.append(f"erased {name}"))
    # Of the stack itself, nothing is known here.
    monkeypatch.setattr(places, "CHECKOUT", machine.home / "checkout")
    del machine.outputs["operations"]["backups"]["configuration"]["engines"]["milvus"]
    made_ = machine.document("backup", "create", "--label", "drilled")["set"]
    assert made_["engines"].keys() == {"duckdb"}
    machine.jobs.clear()
    return told


def test_a_set_that_comes_back_is_told_with_times_and_kept(
    machine: Machine, stacks: list[str], database: dict[str, Any]
) -> None:
    run(database, "UPDATE kept SET word = 'newest'")
    told = machine.document("backup", "drill")
    assert machine.steps == ["find", "find", "check", "load duckdb", "exchange duckdb", "finish duckdb", "probe"]
    assert all(one["connection"]["alone"] for _, one in machine.jobs[3:6])
    assert run(database, WORD) == [["('new',)"]]
    assert stacks == ["erased drill-0123abcd", f"made {NOTHING_ELSE}", "removed"]
    assert (told["good"], told["engines"], list(told["probes"])) == (True, ["duckdb"], ["duckdb"])
    assert 0 <= told["rpo_seconds"] < 100
    assert 0 < told["rto_seconds"] < 100
    kept = drills.read(STACK)
    assert kept is not None
    assert kept.items() <= told.items()


def test_one_that_does_not_come_back_is_kept_as_such_and_its_stack_is_removed(
    machine: Machine, stacks: list[str]
) -> None:
    machine.trouble["load duckdb"] = JobError("backup: Damaged: x differs. Fix: another set", "Damaged")
    told = machine.document("backup", "drill", code=1)
    assert "x differs" in told["error"]
    assert stacks[-1] == "removed"
    kept = drills.read(STACK)
    assert kept is not None
    assert (kept["good"], kept["error"]) == (False, told["error"])


@pytest.mark.usefixtures("stacks")
def test_the_identity_alone_is_enough(machine: Machine, tmp_path: Path) -> None:
    file = tmp_path / "dev.identity"
    file.write_text(IdentityFile.render(STACK, IDENTITY, SIGNER.public))
    told = machine.document("backup", "drill", "drilled", "--target", str(machine.target), "--identity", str(file))
    assert told["good"]
    loaded = machine.jobs[3]
    assert loaded[0].volumes["/source:ro"] == str(machine.target)
    assert loaded[1]["trust"] == [SIGNER.public]


@pytest.mark.usefixtures("database")
def test_the_set_says_which_engines_are_needed_whatever_the_stack_has_here(machine: Machine, stacks: list[str]) -> None:
    (machine.home / "checkout").mkdir()
    # As another machine might have it.
    file = machine.home / "checkout" / f"Pulumi.{STACK}.yaml"
    file.write_text("config:\n  ai-karen-db:enableRedis: true\n  ai-karen-db:redisMemory: 64m\n")
    assert machine.document("backup", "drill")["engines"] == ["duckdb"]
    assert stacks[1] == f"made { {'redisMemory': '64m', **NOTHING_ELSE} }"
    # What tells it is a job of no stack, on no network.
    spec, request = machine.jobs[0]
    assert (request["step"], spec.network, spec.others, list(spec.volumes)) == ("find", "", (), ["/source"])
    # The set that was found is the one that is restored, should another one be made meanwhile.
    assert machine.jobs[1][1]["set"] == machine.document("backup", "show")["set"]["id"]


def test_a_set_of_a_server_that_is_not_here_is_refused_before_there_is_a_stack(
    machine: Machine, stacks: list[str]
) -> None:
    made = making.made(making.directory(machine.target))
    told = machine.document("backup", "drill", made.id, code=1)
    assert "postgres of" in told["error"]
    assert "was taken from version 1.2, and here it is 17" in told["error"]
    assert "Fix: use a checkout whose postgres is of the major version 1," in told["error"]
    assert stacks == ["erased drill-0123abcd"]


def test_a_throwaway_stack_has_the_engines_of_the_set_the_sizes_of_its_model_and_nothing_that_is_told_to_the_outside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KAREN_HOME", str(tmp_path))
    monkeypatch.setattr(places, "CHECKOUT", tmp_path)
    assert drilling._settings("gone", ["postgres"]) == NOTHING_ELSE
    assert drilling._settings("gone", ["redis", "milvus"]) == {
        **NOTHING_ELSE,
        "enableRedis": "true",
        "enableMilvus": "true",
        "enableMinio": "true",
    }
    (tmp_path / "Pulumi.prod.yaml").write_text(
        "config:\n  ai-karen-db:mode: production\n  ai-karen-db:enableMilvus: false\n  ai-karen-db:redisMemory: 64m\n"
        "  ai-karen-db:alertWebhook:\n    secure: x\n  ai-karen-db:backupTarget: s3://sets\n  ai-karen-db:redisPort: 7000\n"
        "  ai-karen-db:imageSource: registry/x\n  ai-karen-db:enableBackups: true\n"
    )
    assert drilling._settings("prod", ["elasticsearch"]) == {
        **NOTHING_ELSE,
        "enableElasticsearch": "true",
        "redisMemory": "64m",
        "imageSource": "registry/x",
    }
