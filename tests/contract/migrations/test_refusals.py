"""What a run refuses, with the data untouched, and what makes it go on."""

from collections.abc import Callable
from pathlib import Path

import pytest

from init.migrations import load
from init.protocol import Failure
from init.runner.inspect import inspect
from init.runner.repair import repair
from init.runner.up import up
from tests.contract.migrations.case import Case, Tampering

pytestmark = [pytest.mark.contract, pytest.mark.timeout(300)]


def edit(folder: Path) -> str:
    """Add a line at the end of an applied file."""
    (path,) = (path for path in folder.glob("002_*") if ".down." not in path.name)
    with path.open("a") as file:
        file.write("\n")
    return rf"{path.name}: edited after it was applied: recorded [0-9a-f]{{64}}, file [0-9a-f]{{64}}"


def delete(folder: Path) -> str:
    """Remove the last applied file, with its way back."""
    for path in folder.glob("003_*"):
        path.unlink()
    return r"003_\w+: applied \(recorded [0-9a-f]{64}\), but its file is gone: deleted"


def rename(folder: Path) -> str:
    """Give an applied file, and its way back, another name with the same number."""
    for path in folder.glob("002_*"):
        path.rename(path.with_name(path.name.replace("002_", "002_now_")))
    return r"002_now_\w+\.\w+: renamed after it was applied as 002_"


@pytest.mark.parametrize("damage", [edit, delete, rename])
def test_applied_files_stay_as_they_are_or_nothing_is_done(
    case: Case, folder: Path, damage: Callable[[Path], str]
) -> None:
    for path in folder.glob("004_*"):
        path.unlink()
    with case.run(load(folder)) as run:
        up(run)
    before = case.inventory()
    sentence = damage(folder)
    with case.run(load(folder)) as run:
        for _ in range(2):
            with pytest.raises(Failure, match=sentence) as refused:
                up(run)
            assert refused.value.kind == ("ChecksumMismatch" if damage is edit else "MigrationsRefused")
        assert inspect(run)["drift"] == []
    assert case.inventory() == before
    with case.run(load(folder)) as run:
        objects = run.driver.objects()
        assert len(repair(run)) == 1
        assert [(entry.name, entry.checksum) for entry in run.driver.ledger()] == [
            (file.name, file.checksum) for file in load(folder)
        ]
        assert (up(run), repair(run)) == ([], [])
        assert run.driver.objects() == objects
        assert inspect(run)["drift"] == []
        assert run.coordinator.history(case.engine) == run.driver.ledger()


def test_a_migration_that_fails_leaves_everything_as_it_was(case: Case, folder: Path) -> None:
    (last,) = (path for path in folder.glob("004_*") if ".down." not in path.name)
    failing = folder / f"004_fails{last.suffix}"
    failing.write_text(case.failing)
    later = last.rename(last.with_name(last.name.replace("004_", "005_")))
    last.with_name(f"{last.stem}.down{last.suffix}").unlink()
    with case.run(load(folder)) as run:
        up(run, "003")
        objects = run.driver.objects()
    case.fill()
    data = case.data()
    with case.run(load(folder)) as run:
        with pytest.raises(Failure, match=f"{failing.name}: ") as failed:
            up(run)
        assert failed.value.kind == "MigrationFailed"
        assert run.driver.objects() == objects
        assert [entry.version for entry in run.driver.ledger() if not entry.dirty] == ["001", "002", "003"]
        assert inspect(run)["drift"] == []
    assert case.data() == data
    later.rename(failing)
    with case.run(load(folder)) as run:
        # Where the failure was recorded, the corrected file has to be accepted.
        repair(run)
        assert [entry.name for entry in up(run)] == ["004_fails"]
        assert inspect(run)["drift"] == []


def test_a_change_by_hand_is_named_and_stays_named(case: Case, tampering: Tampering) -> None:
    with case.run() as run:
        up(run, "003")
        assert inspect(run)["drift"] == []
    case.change(tampering.change)
    with case.run() as run:
        sentences = inspect(run)["drift"]
        assert [one.partition(":")[0] for one in sentences] == sorted([tampering.sentence, *tampering.also])
        assert [entry.version for entry in up(run)] == ["004"]
        assert inspect(run)["drift"] == sentences
        repair(run)
        assert inspect(run)["drift"] == []


def test_an_application_s_own_objects_are_nobody_s_concern(case: Case) -> None:
    with case.run() as run:
        up(run, "003")
    case.change(case.own)
    with case.run() as run:
        assert inspect(run)["drift"] == []
        up(run)
        assert inspect(run)["drift"] == []
