"""A drill of a real DuckDB file, whose throw-away stack is one that is there: what it compares, keeps and refuses."""

import shutil
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
from tests.unit.backup.duckdb_samples import run
from tests.unit.backup.hosting import Machine, machine
from tests.unit.backup.making import IDENTITY, SIGNER, STACK
from tests.unit.backup.test_host_restoring import WORD, database

__all__ = ["database", "machine"]


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
    monkeypatch.setattr(drilling, "_settings", lambda _: {})
    del machine.outputs["operations"]["backups"]["configuration"]["engines"]["milvus"]
    # Of two sets of one second, either may be the latest.
    shutil.rmtree(machine.target / STACK)
    made_ = machine.document("backup", "create", "--label", "drilled")["set"]
    assert made_["engines"].keys() == {"duckdb"}
    machine.jobs.clear()
    return told


def test_a_set_that_comes_back_is_told_with_times_and_kept(
    machine: Machine, stacks: list[str], database: dict[str, Any]
) -> None:
    run(database, "UPDATE kept SET word = 'newest'")
    told = machine.document("backup", "drill")
    assert machine.steps == ["find", "check", "load duckdb", "exchange duckdb", "finish duckdb", "probe"]
    assert all(one["connection"]["alone"] for _, one in machine.jobs[2:5])
    assert run(database, WORD) == [["('new',)"]]
    assert stacks == ["erased drill-0123abcd", "made {}", "removed"]
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
    loaded = machine.jobs[2]
    assert loaded[0].volumes["/source:ro"] == str(machine.target)
    assert loaded[1]["trust"] == [SIGNER.public]


def test_a_throwaway_stack_has_the_sizes_of_its_model_and_nothing_that_is_told_to_the_outside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KAREN_HOME", str(tmp_path))
    monkeypatch.setattr(places, "CHECKOUT", tmp_path)
    assert drilling._settings("gone") == {}
    (tmp_path / "Pulumi.prod.yaml").write_text(
        "config:\n  ai-karen-db:mode: production\n  ai-karen-db:enableMilvus: false\n  ai-karen-db:redisMemory: 64m\n"
        "  ai-karen-db:alertWebhook:\n    secure: x\n  ai-karen-db:backupTarget: s3://sets\n  ai-karen-db:redisPort: 7000\n"
        "  ai-karen-db:imageSource: registry/x\n  ai-karen-db:enableBackups: true\n"
    )
    assert drilling._settings("prod") == {
        "enableMilvus": "false",
        "redisMemory": "64m",
        "imageSource": "registry/x",
    }
