"""What the service's status tells: which sets are due, what went wrong, and how far PostgreSQL's log is behind."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from backup.archive_state import ArchiveState
from backup.service.status import Outcome, Running, Status, write
from monitor.backup_metrics import BackupMetrics
from monitor.backup_rules import conditions, overdue
from monitor.backups import Backups

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC).timestamp()
NIGHT = datetime(2026, 11, 22, 2, tzinfo=UTC).timestamp()
DAY = 86400.0
GOOD = Outcome(trigger="schedule", began=NIGHT + 1, ended=NIGHT + 61, state="good", set="20261122T020001.048213Z-0001")
FOLLOWED = ArchiveState(following=True, lag_seconds=1.0, lag_bytes=16)
WELL = Status(at=NOON, schedule="0 2 * * *", next=NIGHT + DAY, last=GOOD, good=GOOD, archive=FOLLOWED)


def keys(status: Status, now: float = NOON) -> list[str]:
    return [one.key for one in conditions(replace(status, at=now), now, "dev")]


def test_what_is_as_it_should_be_is_not_told() -> None:
    assert keys(WELL) == []


def test_a_set_is_missed_when_the_next_should_long_be_there() -> None:
    late = NIGHT + DAY
    assert keys(WELL, late + 900) == []
    # It took a minute: the next may take two more.
    assert keys(WELL, late + 1020) == []
    (told,) = conditions(replace(WELL, at=late + 1030), late + 1030, "dev")
    assert (told.key, told.severity) == ("backup-missed", "critical")
    assert told.summary == "the newest good set is of 2026-11-22 02:00 UTC, and one was due 2026-11-23 02:00 UTC"
    assert told.fix.startswith("./karen backup create --stack dev")


def test_one_that_catches_up_has_its_time() -> None:
    late = NIGHT + 5 * DAY + 3600
    running = replace(WELL, running=Running(trigger="schedule", began=late))
    assert keys(WELL, late) == ["backup-missed"]
    assert keys(running, late + 600) == []
    assert keys(running, late + 1100) == ["backup-missed"]


def test_a_first_set_is_not_missed_before_it_is_due() -> None:
    fresh = replace(WELL, last=None, good=None)
    assert keys(fresh) == []
    assert overdue(replace(fresh, running=Running(trigger="archive", began=NOON - 901)), NOON) == NOON - 901
    assert overdue(replace(fresh, missed=3, missed_at=NOON - 600), NOON) is None
    # One that failed is told as that, once.
    failed = replace(GOOD, state="failed", error={"kind": "TargetFull", "message": "full", "fix": "make room"})
    assert keys(replace(fresh, last=failed, missed=3, missed_at=NIGHT)) == ["backup-failed"]


@pytest.mark.parametrize(
    ("last", "key", "words", "fix"),
    [
        (
            {
                "state": "failed",
                "error": {"kind": "TargetFull", "message": "target: no space left", "fix": "make room"},
            },
            "backup-failed",
            "no set could be made 2026-11-22 02:01 UTC: target: no space left",
            "make room; then ./karen backup create --stack dev",
        ),
        (
            {"state": "incomplete", "reasons": {"duckdb": "duckdb: held by pid 7. Fix: end it", "minio": "minio: no"}},
            "backup-incomplete",
            "the set 20261122T020001.048213Z-0001 is incomplete: duckdb: held by pid 7; minio: no",
            "end it; then ./karen backup create --stack dev",
        ),
        (
            {"state": "good", "error": {"kind": "Locked", "message": "target: is locked", "fix": "wait"}},
            "backup-prune",
            "sets that are over could not be removed 2026-11-22 02:01 UTC: target: is locked",
            "wait; then ./karen backup prune --stack dev",
        ),
    ],
)
def test_what_went_wrong_is_told_with_its_reason(last: Mapping[str, Any], key: str, words: str, fix: str) -> None:
    (told,) = conditions(replace(WELL, last=replace(GOOD, **last)), NOON, "dev")
    assert (told.key, told.summary, told.fix) == (key, words, fix)


def test_one_that_was_cut_off_is_made_again_and_not_told() -> None:
    assert keys(replace(WELL, last=replace(GOOD, state="aborted"))) == []


@pytest.mark.parametrize(
    ("archive", "told"),
    [
        (ArchiveState(following=True, lag_seconds=300.0), None),
        (ArchiveState(following=True), None),
        (
            ArchiveState(following=True, lag_seconds=301.0),
            "the kept copy of PostgreSQL's log is 301 s behind; at most 300",
        ),
        (ArchiveState(error="postgres: refused", lag_seconds=5.0), "is not followed: postgres: refused; 5 s behind"),
        (ArchiveState(), "PostgreSQL's log is not followed"),
    ],
)
def test_a_log_that_is_not_kept_is_told(archive: ArchiveState, told: str | None) -> None:
    found = conditions(replace(WELL, archive=archive), NOON, "dev")
    assert [one.key for one in found] == ([] if told is None else ["wal-lag"])
    assert told is None or told in found[0].summary


def test_a_service_that_is_silent_is_told_as_that() -> None:
    silent = replace(WELL, archive=ArchiveState())
    (told,) = conditions(silent, NOON + 300, "dev")
    assert (told.key, told.service) == ("down/backups", "backups")
    assert told.summary.endswith("has told nothing for 5 min")
    assert told.fix == "./karen restart backups --stack dev"
    # What is due does not wait for it.
    assert [one.key for one in conditions(silent, NOON + DAY, "dev")] == ["down/backups", "backup-missed"]
    assert conditions(Status(), NOON, "dev")[0].summary.endswith("has told nothing yet")
    assert conditions(Status(), NOON, "dev", since=NOON - 60) == []


@pytest.fixture
def seen(tmp_path: Path) -> Backups:
    (tmp_path / "backups").mkdir()
    return Backups(tmp_path, "dev", enabled=True, began=NOON - DAY)


def look(seen: Backups, status: Status, now: float, *, resting: bool = False) -> list[str]:
    write(replace(status, at=now), seen._directory)
    seen.look()
    return [one.key for one in seen.conditions(now, resting=resting)]


def test_the_monitor_waits_for_a_log_that_is_followed_anew(seen: Backups) -> None:
    torn = replace(WELL, archive=ArchiveState(error="refused", lag_seconds=3.0))
    assert look(seen, torn, NOON) == []
    assert look(seen, torn, NOON + 59) == []
    assert look(seen, torn, NOON + 60) == ["wal-lag"]
    assert look(seen, WELL, NOON + 61) == []
    assert look(seen, torn, NOON + 62) == []
    # What is too much is too much at once.
    assert look(seen, replace(WELL, archive=ArchiveState(lag_seconds=301.0)), NOON + 63) == ["wal-lag"]


def test_what_somebody_works_on_is_not_missed_by_the_monitor(seen: Backups) -> None:
    torn = replace(WELL, archive=ArchiveState(lag_seconds=400.0))
    assert look(seen, torn, NOON, resting=True) == []
    assert [one.key for one in seen.conditions(NOON + 600, resting=True)] == []
    # It has the same time again as at first.
    assert [one.key for one in seen.conditions(NOON + 700, resting=False)] == ["wal-lag"]
    assert "down/backups" in [one.key for one in seen.conditions(NOON + 800, resting=False)]


def test_a_monitor_that_has_just_begun_lets_the_service_begin_too(tmp_path: Path) -> None:
    (tmp_path / "backups").mkdir()
    late = NIGHT + 5 * DAY
    fresh = Backups(tmp_path, "dev", enabled=True, began=late)
    assert look(fresh, WELL, late + 5) == []
    assert look(fresh, WELL, late + 65) == ["backup-missed"]


def test_where_no_backups_are_made_nothing_is_told(tmp_path: Path) -> None:
    (tmp_path / "backups").mkdir()
    off = Backups(tmp_path, "dev", enabled=False, began=NOON - DAY)
    assert look(off, replace(WELL, archive=ArchiveState(lag_seconds=400.0)), NOON + 9 * DAY) == []
    assert (off.status, off.newest) == (None, "")


def test_the_newest_good_set_is_known(seen: Backups) -> None:
    look(seen, replace(WELL, last=replace(GOOD, state="failed", set="")), NOON)
    assert seen.newest == GOOD.set


def metrics(status: Status | None, now: float = NOON) -> dict[str, float]:
    told = BackupMetrics("ai_karen", clock=lambda: now)
    told.status = status
    return {
        f"{one.name}{''.join(one.labels.values())}": one.value for family in told.collect() for one in family.samples
    }


def test_metrics_are_of_the_moment_in_which_they_are_asked_for() -> None:
    assert metrics(WELL) == {
        "ai_karen_backup_age_seconds": NOON - NIGHT - 1,
        "ai_karen_backup_last_run_duration_seconds": 60,
        "ai_karen_backup_last_run_stategood": 1,
        "ai_karen_backup_last_run_stateincomplete": 0,
        "ai_karen_backup_last_run_statefailed": 0,
        "ai_karen_backup_last_run_stateaborted": 0,
        "ai_karen_backup_next_run_timestamp_seconds": NIGHT + DAY,
        "ai_karen_backup_missed_runs_total": 0,
        "ai_karen_wal_following": 1,
        "ai_karen_wal_lag_seconds": 1,
        "ai_karen_wal_lag_bytes": 16,
    }
    assert metrics(WELL, NOON + 60)["ai_karen_backup_age_seconds"] == NOON - NIGHT + 59


def test_what_is_not_known_has_no_sample() -> None:
    assert metrics(None) == metrics(Status()) == {}
    # A silent service does not know how far the log is behind.
    assert not any("wal" in name for name in metrics(WELL, NOON + 121))
    assert "ai_karen_backup_age_seconds" not in metrics(replace(WELL, good=None, last=None))
