"""What `karen doctor` tells of backups, each with the command that mends it."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from backup.archive_state import ArchiveState
from backup.service.status import Outcome, Status
from components.settings import Settings
from ops.backups import drills
from ops.cli.doctor import backups, places
from ops.cli.doctor.model import Finding, Patient
from tests.unit.containers import refusal

NOW = 1_795_000_000.0
GOOD = Outcome(trigger="schedule", began=NOW - 3600, ended=NOW - 3540, state="good", set="a")
FOLLOWED = ArchiveState(following=True, lag_seconds=1.0)
WELL = Status(at=NOW, schedule="0 0 1 1 *", next=NOW + 3600, last=GOOD, good=GOOD, archive=FOLLOWED)
FACTS = {
    "Id": "abc",
    "State": {"Running": True, "Paused": False, "StartedAt": "2026-11-01T00:00:00.123456789Z"},
    "RestartCount": 0,
    "Mounts": [
        {"Name": "ai-karen-dev-duckdb-data", "Destination": "/data/duckdb"},
        {"Name": "ai-karen-dev-backups-data", "Destination": "/target"},
        {"Type": "bind", "Destination": "/run/x"},
    ],
}


class Engine:
    """A container engine with the container that makes backups, as a test says, and volumes of which a user sees nothing."""

    def __init__(self, facts: Any = None, *, output: bytes = b"7\n8\n", code: int = 0) -> None:
        self.facts = facts or FACTS
        self.result = SimpleNamespace(output=output, exit_code=code)
        self.paths: dict[str, str] = {}
        self.commands: list[list[str]] = []
        self.api: Any = self
        self.containers: Any = SimpleNamespace(get=lambda _: SimpleNamespace(exec_run=self.run))

    def inspect_container(self, _: str) -> Any:
        if isinstance(self.facts, Exception):
            raise self.facts
        return self.facts

    def volumes(self, **_: object) -> dict[str, Any]:
        return {"Volumes": [{"Name": name, "Mountpoint": path} for name, path in self.paths.items()]}

    def run(self, command: list[str]) -> Any:
        self.commands.append(command)
        return self.result


def examined(
    monkeypatch: pytest.MonkeyPatch, status: Status | None = WELL, engine: Any = None, **settings: str
) -> list[Finding]:
    """Return what is found; backups are on unless the settings say otherwise."""
    client: Any = engine or Engine()
    patient = Patient("dev", client)
    patient.settings = Settings.parse({"enableBackups": "true", **settings})
    monkeypatch.setattr(backups, "read", lambda *_: status)
    return list(backups.backups(patient))


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("KAREN_HOME", str(tmp_path))
    monkeypatch.setattr("time.time", lambda: NOW)
    drills.write("dev", {"good": True, "ended": NOW - 60, "set": "a"})
    return tmp_path


def worst(found: list[Finding]) -> list[tuple[str, str]]:
    return [(one.status, one.message) for one in found if one.status != "ok"]


def test_what_is_as_it_should_be_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    found = examined(monkeypatch)
    assert worst(found) == []
    assert [one.message.partition(";")[0].partition(" of ")[0] for one in found] == [
        "newest good set", "a volume on another disk than the data", "the last drill brought a back 1 min ago",
    ]  # fmt: skip


def test_without_backups_there_is_a_hint(monkeypatch: pytest.MonkeyPatch) -> None:
    (found,) = examined(monkeypatch, enableBackups="false")
    assert (found.status, found.fix) == (
        "ok", "pulumi config set ai-karen-db:enableBackups true --stack dev, and make up",
    )  # fmt: skip


def test_a_service_that_is_not_there_is_a_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    found = examined(monkeypatch, engine=Engine(refusal("No such container", 404)))
    assert worst(found) == [("problem", "enableBackups is on, and the service that makes them is not there")]
    assert found[0].fix == "make up STACK=dev"
    assert worst(examined(monkeypatch, None))[0][0] == "unknown"


@pytest.mark.parametrize(
    ("status", "level", "words", "fix"),
    [
        (replace(WELL, at=NOW - 300), "problem", "has told nothing for 5 min", "./karen restart backups --stack dev"),
        (Status(), "problem", "has told nothing yet", "./karen restart backups --stack dev"),
        (replace(WELL, last=replace(GOOD, state="failed")), "problem", "no set could be made", "./karen backup create"),
        (
            replace(WELL, last=replace(GOOD, state="incomplete", reasons={"redis": "redis: no. Fix: so"})),
            "warning", "is incomplete: redis: no", "so; then ./karen backup create --stack dev",
        ),
        (replace(WELL, schedule="0 * * * *", good=replace(GOOD, began=NOW - 9000, ended=NOW - 8999)), "problem",
         "the newest good set is of", "./karen backup create --stack dev"),
        (replace(WELL, missed=2, missed_at=NOW - 86400), "warning", "(2 missed so far)", "./karen logs backups"),
        (replace(WELL, archive=ArchiveState()), "problem", "log is not followed", "./karen logs backups --stack dev"),
        (replace(WELL, archive=replace(FOLLOWED, lag_seconds=301.0)), "problem", "301 s behind", "./karen logs backups"),
    ],
)  # fmt: skip
def test_each_trouble_has_its_command(
    monkeypatch: pytest.MonkeyPatch, status: Status, level: str, words: str, fix: str
) -> None:
    (found,) = [one for one in examined(monkeypatch, status) if one.status != "ok"]
    assert found.status == level
    assert words in found.message
    assert found.fix.startswith(fix)


def test_what_was_missed_long_ago_is_no_news(monkeypatch: pytest.MonkeyPatch) -> None:
    assert worst(examined(monkeypatch, replace(WELL, missed=2, missed_at=NOW - 8 * 86400))) == []


def test_a_restore_that_was_never_tried_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    drills.path("dev").unlink()
    assert worst(examined(monkeypatch)) == [("warning", "no restore was ever tried on this machine")]
    drills.write("dev", {"good": False, "ended": NOW, "error": "redis: no"})
    ((level, told),) = worst(examined(monkeypatch))
    assert (level, told) == ("problem", "the last drill failed 0 s ago: redis: no")


@pytest.mark.parametrize(
    ("output", "code", "level", "words"),
    [
        (b"7\n7\n", 0, "warning", "a volume on the disk of duckdb: a lost disk loses both"),
        (b"7\n8\n", 0, "ok", "on another disk"),
        (b"", 1, "warning", "cannot be told"),
    ],
)
def test_target_and_data_on_one_disk_are_told(
    monkeypatch: pytest.MonkeyPatch, output: bytes, code: int, level: str, words: str
) -> None:
    engine = Engine(output=output, code=code)
    (found,) = [one for one in examined(monkeypatch, engine=engine) if one.check == "backup target"]
    assert (found.status, words in found.message) == (level, True)
    assert engine.commands == [["stat", "-c", "%d", "/target", "/data/duckdb"]]


def test_what_this_user_may_look_into_is_looked_at_here(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    engine = Engine()
    engine.paths = {"ai-karen-dev-postgres-data": str(tmp_path), "ai-karen-dev-redis-data": "/dev/shm"}
    found = examined(monkeypatch, engine=engine, backupTarget=str(tmp_path))
    assert worst(found) == [("warning", "a directory on the disk of postgres: a lost disk loses both")]


def test_a_bucket_is_on_no_disk_of_this_machine() -> None:
    patient: Any = SimpleNamespace(settings=SimpleNamespace(backup_target="s3://karen/dev"), client=None, stack="dev")
    (found,) = places.apart(patient, FACTS)
    assert found.status == "ok"


def test_the_first_look_that_sees_both_counts() -> None:
    assert places.shares({"redis": 7}, {"backups": 7, "duckdb": 7}) == ["duckdb"]
    assert places.shares({"backups": 8, "redis": 7}, {"backups": 7, "duckdb": 7}) == []
    assert places.shares({"backups": 8}, {}) is None
