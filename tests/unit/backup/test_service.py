"""The scheduler: sets at their times, one for all that were missed, and nothing half left when it is ended. With real processes and files."""

import os
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from backup.archive_state import ArchiveState
from backup.service.maker import Maker
from backup.service.scheduler import Scheduler, due
from backup.service.status import NAME, Running, Status, is_recent, read, write
from tests.unit.backup.processes import command, runs

NIGHTLY = "0 2 * * *"
DAY = 86_400.0


def at(day: int, hour: int, minute: int = 0, second: int = 0) -> float:
    return datetime(2026, 11, day, hour, minute, second, tzinfo=UTC).timestamp()


class Archiving:
    """An archive that says what it is told to."""

    def __init__(self, began: float = 0.0) -> None:
        self.began = began
        self.closed = False

    def state(self) -> ArchiveState:
        return ArchiveState(following=True, chain_began=self.began, lag_seconds=1.5)

    def close(self) -> None:
        self.closed = True


def scheduler(directory: Path, program: str, now: float, *, archive: Archiving | None = None) -> Scheduler:
    maker = Maker(command(program, directory), end_seconds=1.0)
    return Scheduler(NIGHTLY, maker, archive, directory=directory, clock=lambda: now)


def until(told: Callable[[], bool], service: Scheduler) -> None:
    """Have rounds made until something is so."""
    ends = time.monotonic() + 15
    while not told():
        assert time.monotonic() < ends
        service.round()
        time.sleep(0.02)


def gone(pid: int) -> bool:
    """Whether a process has ended; nobody may have taken note of it yet."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return True
    return state == "Z"


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        (at(20, 1, 59, 59), None),
        (at(20, 2), (at(20, 2), 0)),
        (at(20, 2, 1), (at(20, 2), 0)),
        # Late by more than a minute and a half, it was missed.
        (at(20, 2, 2), (at(20, 2), 1)),
        (at(22, 12), (at(22, 2), 3)),
        (at(22, 2), (at(22, 2), 2)),
    ],
)
def test_what_is_due_and_what_was_missed(now: float, expected: tuple[float, int] | None) -> None:
    assert due(NIGHTLY, at(20, 2), now) == expected


def test_a_service_that_is_new_waits_for_its_time(tmp_path: Path) -> None:
    service = scheduler(tmp_path, "good", at(20, 12))
    service.round()
    assert runs(tmp_path) == []
    assert read(tmp_path).next == at(21, 2)


def test_a_set_is_made_at_its_time_and_told(tmp_path: Path) -> None:
    write(Status(schedule=NIGHTLY, next=at(20, 2)), tmp_path)
    service = scheduler(tmp_path, "good", at(20, 2, 0, 1))
    until(lambda: service.status.last is not None, service)
    told = read(tmp_path)
    assert runs(tmp_path) == ["schedule"]
    assert (told.next, told.missed, told.running) == (at(21, 2), 0, None)
    assert told.last is not None
    assert told.last == told.good
    assert (told.last.state, told.last.set, told.last.removed) == ("good", "20260101T020000.048213Z-abcd", ("old",))


def test_one_set_makes_up_for_all_that_were_missed_and_they_are_told(tmp_path: Path) -> None:
    write(Status(schedule=NIGHTLY, next=at(17, 2)), tmp_path)
    service = scheduler(tmp_path, "good", at(20, 12))
    until(lambda: service.status.last is not None, service)
    service.round()
    assert runs(tmp_path) == ["schedule"]
    told = read(tmp_path)
    assert (told.missed, told.missed_at, told.next) == (4, at(20, 2), at(21, 2))


def test_another_schedule_begins_anew(tmp_path: Path) -> None:
    write(Status(schedule="0 5 * * *", next=at(17, 5)), tmp_path)
    service = scheduler(tmp_path, "good", at(20, 12))
    service.round()
    assert (runs(tmp_path), read(tmp_path).missed, read(tmp_path).next) == ([], 0, at(21, 2))


@pytest.mark.parametrize(
    ("program", "state", "words"),
    [
        ("incomplete", "incomplete", "not reachable"),
        ("crash", "failed", "ended with code 3 and without an answer"),
        ("killed", "failed", "was killed, most likely for memory; what it had not finished is no set"),
    ],
)
def test_what_is_no_good_set_is_told_and_the_last_good_one_stays_known(
    tmp_path: Path, program: str, state: str, words: str
) -> None:
    write(Status(schedule=NIGHTLY, next=at(20, 2)), tmp_path)
    service = scheduler(tmp_path, "good", at(20, 2))
    until(lambda: service.status.last is not None, service)
    good = service.status.good
    later = scheduler(tmp_path, program, at(21, 2))
    until(lambda: later.status.last != good, later)
    told = read(tmp_path)
    assert told.last is not None
    assert told.last.state == state
    assert words in repr(told.last)
    assert told.good == good


def test_a_run_that_is_cut_off_is_ended_in_order_and_made_again_by_the_next_life(tmp_path: Path) -> None:
    write(Status(schedule=NIGHTLY, next=at(20, 2)), tmp_path)
    archive = Archiving()
    service = scheduler(tmp_path, "slow", at(20, 2), archive=archive)
    until(lambda: bool(service.status.running and service.status.running.progress), service)
    assert read(tmp_path).running == service.status.running
    service.end()
    began = time.monotonic()
    service.run()
    assert time.monotonic() - began < 5
    assert archive.closed
    told = read(tmp_path)
    assert told.last is not None
    assert told.last.state == "aborted"
    again = scheduler(tmp_path, "good", at(20, 3))
    until(lambda: bool(again.status.good), again)
    assert runs(tmp_path) == ["schedule", "schedule"]
    assert read(tmp_path).running is None


def test_a_service_that_was_killed_makes_what_it_was_at(tmp_path: Path) -> None:
    write(Status(schedule=NIGHTLY, next=at(21, 2), running=Running(trigger="archive", began=at(20, 2))), tmp_path)
    service = scheduler(tmp_path, "good", at(20, 3))
    until(lambda: service.status.last is not None, service)
    assert runs(tmp_path) == ["archive"]


def test_what_does_not_end_is_ended_with_the_tools_that_it_started(tmp_path: Path) -> None:
    write(Status(schedule=NIGHTLY, next=at(20, 2)), tmp_path)
    service = scheduler(tmp_path, "stubborn", at(20, 2))
    until(lambda: bool(service.status.running and service.status.running.progress), service)
    assert service.status.running is not None
    tool = int(service.status.running.progress)
    assert not gone(tool)
    service.end()
    service.run()
    ends = time.monotonic() + 5
    while not gone(tool) and time.monotonic() < ends:
        time.sleep(0.02)
    assert gone(tool)
    assert service.status.last is not None
    assert service.status.last.state == "aborted"
    # The next life makes it again.
    assert read(tmp_path).running is not None


@pytest.mark.parametrize("program", ["good", "incomplete", "crash"])
def test_an_archive_that_began_anew_gets_a_set_at_once_and_not_one_a_second(tmp_path: Path, program: str) -> None:
    archive = Archiving()
    service = scheduler(tmp_path, program, at(20, 12), archive=archive)
    service.round()
    assert runs(tmp_path) == []
    archive.began = time.time() - 5
    until(lambda: service.status.last is not None, service)
    service.round()
    service.round()
    assert service.maker.running is None
    assert runs(tmp_path) == ["archive"]
    told = read(tmp_path)
    assert told.archive == archive.state()
    # Without a part of PostgreSQL, a set is of no use to the log.
    assert (told.based > archive.began) == (program != "crash")


def test_a_set_of_today_is_enough_for_a_log_that_began_yesterday(tmp_path: Path) -> None:
    write(Status(schedule=NIGHTLY, next=at(21, 2), based=at(20, 2)), tmp_path)
    service = scheduler(tmp_path, "good", at(20, 12), archive=Archiving(at(19, 12)))
    service.round()
    service.round()
    assert runs(tmp_path) == []


def test_the_health_check_sees_that_it_works(tmp_path: Path) -> None:
    assert not is_recent(tmp_path)
    service = scheduler(tmp_path, "good", at(20, 12))
    service.round()
    assert is_recent(tmp_path)
    write(replace(service.status, at=time.time() - 120), tmp_path)
    assert not is_recent(tmp_path)


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"schema": 2}', '{"schema": 1, "running": null}'])
def test_a_status_that_cannot_be_read_is_as_none(tmp_path: Path, text: str) -> None:
    (tmp_path / NAME).write_text(text, encoding="utf-8")
    assert read(tmp_path) == Status()


def test_a_full_disk_keeps_no_set_from_being_made(tmp_path: Path) -> None:
    # A directory stands where the file would be written.
    write(Status(schedule=NIGHTLY, next=at(20, 2)), tmp_path)
    service = scheduler(tmp_path, "good", at(20, 2))
    os.mkdir(tmp_path / f".{NAME}")
    until(lambda: service.status.last is not None, service)
    assert runs(tmp_path) == ["schedule"]
