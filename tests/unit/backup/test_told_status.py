"""What `karen status` tells of backups and restores: the newest good set, a drill that is long ago, a restore that was cut off."""

import io
import json
import tarfile
import time
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from docker.errors import APIError, NotFound
from requests import Response

from backup.service.status import Outcome, Status
from init.engines.base import DAMAGED
from ops.backups import drills, journal
from ops.cli.services import damaged, health
from ops.cli.services.backed import backed, read
from ops.cli.services.containers import Server, Servers
from ops.cli.services.rehearsed import rehearsed
from ops.cli.services.rows import newest
from ops.cli.services.status import _backups
from ops.cli.services.watched import Watched

GOOD = Outcome(
    trigger="schedule", began=1_000_000.0, ended=1_000_060.0, state="good", set="20261122T020001.048213Z-0001"
)
KEPT = Status(at=1_000_100.0, schedule="0 2 * * *", last=GOOD, good=GOOD)


STARTED = 1_000_200


class Volume:
    """A container engine whose containers have one file, or none, and a log with the moment of its lines (Unix seconds)."""

    def __init__(self, text: str | None, log: str = "", at: float = STARTED) -> None:
        self.text = text
        self.log = log
        self.at = at
        self.asked: list[str] = []
        self.api: Any = self

    def get_archive(self, container: str, path: str) -> tuple[list[bytes], None]:
        self.asked.append(f"{container}:{path}")
        if self.text is None:
            raise NotFound("no such file", Response())
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w") as archive:
            entry = tarfile.TarInfo("status.json")
            entry.size = len(self.text)
            archive.addfile(entry, io.BytesIO(self.text.encode()))
        return [buffer.getvalue()], None

    def logs(self, name: str, *, tail: int, since: int) -> bytes:
        if name == "gone":
            raise APIError("no such container")
        assert tail
        # The engine refuses another.
        assert since > 0
        return self.log.encode() if self.at >= since else b""


def stack(engine: Any, *, restarts: int = 0, **states: str) -> Servers:
    """Return a stack of services that are in these states; one that was created was never started."""
    began = datetime.fromtimestamp(STARTED, UTC).strftime("%Y-%m-%dT%H:%M:%S.123456789Z")
    found = {
        name: Server(
            name,
            {
                "Name": f"/{name}",
                "RestartCount": restarts,
                "State": {
                    "Running": False, "Paused": False, "Status": state,
                    "StartedAt": "0001-01-01T00:00:00Z" if state == "created" else began,
                },
            },
        )
        for name, state in states.items()
    }  # fmt: skip
    return Servers("dev", engine, found, {})


def test_what_the_service_wrote_is_read_through_its_container() -> None:
    engine = Volume(json.dumps(KEPT.document()))
    assert backed(stack(engine, backups="exited")) == KEPT
    assert engine.asked == ["backups:/operations/backups/status.json"]
    # Where nobody makes backups, nobody is asked.
    assert backed(stack(engine, redis="exited")) is None
    assert len(engine.asked) == 1


def test_what_is_not_there_or_of_another_version_is_empty() -> None:
    for text in (None, "{", json.dumps({"schema": 99})):
        assert read(Volume(text).api, "backups") == Status()


def test_the_newest_good_set_has_an_age() -> None:
    assert newest(None) is newest(replace(KEPT, good=None)) is None
    found = newest(replace(KEPT, good=replace(GOOD, began=time.time() - 11_100)))
    assert found is not None
    assert (found["set"], found["age_seconds"] // 10) == (GOOD.set, 1110)
    told = newest(KEPT)
    assert told is not None
    assert told["at"] == "1970-01-12T13:46:40+00:00"


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("KAREN_HOME", str(tmp_path))
    return tmp_path


def test_only_what_the_monitor_does_not_tell_is_told() -> None:
    assert {one.key for one in _backups("dev", None, KEPT)} == {"down/backups", "backup-missed"}
    assert {one.key for one in _backups("dev", Watched(61, {}, []), KEPT)} >= {"backup-missed"}
    assert list(_backups("dev", Watched(5, {}, []), KEPT)) == []
    assert list(_backups("dev", None, None)) == []


def test_a_drill_is_told_when_it_failed_or_is_long_ago() -> None:
    assert rehearsed("dev") == []
    drills.write("dev", {"good": True, "ended": time.time() - 6 * 86400, "set": "a"})
    assert rehearsed("dev") == []
    drills.write("dev", {"good": True, "ended": time.time() - 8 * 86400 - 60, "set": "a"})
    (told,) = rehearsed("dev")
    assert (told.key, told.severity, told.summary) == ("drill-stale", "warning", "the last drill was 8 d ago")
    drills.write("dev", {"good": False, "ended": time.time() - 60, "error": "redis: 3 keys are not there"})
    (told,) = rehearsed("dev")
    assert told.summary == "the last drill failed 1 min ago: redis: 3 keys are not there"
    assert told.fix == "./karen backup drill --stack dev"
    assert rehearsed("prod") == []


def test_a_restore_that_was_cut_off_is_told_with_what_finishes_it() -> None:
    command = "./karen backup restore latest --stack prod --into dev --only redis"
    journal.write(journal.Decided(stack="dev", command=command, taken={"redis": {}}, sets={"redis": "a"}))
    (told,) = rehearsed("dev")
    assert (told.key, told.severity, told.fix) == ("restore", "critical", command)
    assert told.summary == "a restore of redis has begun to exchange data, and is not finished"
    journal.path("dev").write_text("{")
    (told,) = rehearsed("dev")
    assert str(journal.path("dev")) in told.summary


def test_damaged_data_are_told_with_the_newest_good_set() -> None:
    answers: dict[str, Any] = {
        "postgres": {"status": "failed", "error": {"kind": DAMAGED, "message": "postgres: 2 reads failed", "fix": ""}},
        "redis": {"status": "failed", "error": {"kind": "ConnectionFailed", "message": "redis: refused", "fix": "x"}},
    }
    log = "loading\n# Short read or OOM loading DB. Unrecoverable error, aborting now.\nbye"
    engine = Volume(json.dumps(KEPT.document()), log)
    found = damaged.damaged(stack(engine, backups="exited", redis="exited", postgres="exited"), answers)
    assert found["postgres"].message == "postgres: 2 reads failed"
    assert found["redis"].message == log.splitlines()[1]
    assert found["redis"].fix == f"./karen backup restore {GOOD.set} --only redis --stack dev"
    row = {
        "service": "redis",
        "state": "exited",
        "cause": "redis",
        "damage": asdict(found["redis"]),
        **answers["redis"],
    }
    assert health.sentence(row, "dev") == f"redis's data are damaged: {log.splitlines()[1]}. Fix: {found['redis'].fix}"


def test_what_only_does_not_run_is_not_damaged() -> None:
    answers = {"redis": {"error": {"kind": "ConnectionFailed", "message": "redis: refused", "fix": "x"}}, "duckdb": {}}
    engine = Volume(None, "ready to accept connections")
    assert damaged.damaged(stack(engine, redis="exited"), answers) == {}
    # Nobody looks for a set then.
    assert engine.asked == []


def test_what_was_said_before_the_last_start_is_mended_or_said_again() -> None:
    answers = {"redis": {"error": {"kind": "ConnectionFailed", "message": "redis: refused", "fix": "x"}}}
    said = "# Short read or OOM loading DB. Unrecoverable error, aborting now."
    assert damaged.damaged(stack(Volume(None, said), redis="exited"), answers)
    assert damaged.damaged(stack(Volume(None, said, STARTED - 60), redis="exited"), answers) == {}
    assert damaged.damaged(stack(Volume(None, ""), redis="created"), answers) == {}


def test_what_ends_again_and_again_need_not_have_said_it_since_its_last_start() -> None:
    answers = {"redis": {"error": {"kind": "ConnectionFailed", "message": "redis: refused", "fix": "x"}}}
    said = "# Short read or OOM loading DB. Unrecoverable error, aborting now."
    before = Volume(None, said, STARTED - 60)
    assert damaged.damaged(stack(before, restarts=9, redis="restarting"), answers)
    long_before = Volume(None, said, STARTED - 62)
    assert damaged.damaged(stack(long_before, restarts=9, redis="restarting"), answers) == {}
