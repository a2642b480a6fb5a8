"""The service knows of the sets that commands make, and of a log that began anew twice within minutes."""

from pathlib import Path

from backup.model import GOOD
from backup.service.maker import Maker
from backup.service.scheduler import Scheduler
from backup.service.status import Outcome
from tests.unit.backup.processes import command, runs
from tests.unit.backup.test_service import NIGHTLY, Archiving, at, until


def outcome(began: float) -> Outcome:
    return Outcome(trigger="manual", began=began, ended=began + 5, state=GOOD, set="20261120T120000.048213Z-abcd")


def test_a_good_set_that_a_command_made_is_known_and_good_enough_for_the_log(tmp_path: Path) -> None:
    made = outcome(at(20, 12))
    service = Scheduler(
        NIGHTLY, Maker(command("good", tmp_path)), Archiving(at(20, 11)), lambda: made,
        directory=tmp_path, clock=lambda: at(20, 13),
    )  # fmt: skip
    service.round()
    assert service.status.good == made
    assert runs(tmp_path) == []


def test_a_log_that_begins_anew_again_gets_another_set_at_once(tmp_path: Path) -> None:
    archive = Archiving(at(20, 11))
    service = Scheduler(
        NIGHTLY, Maker(command("crash", tmp_path)), archive, directory=tmp_path, clock=lambda: at(20, 13)
    )
    until(lambda: service.status.last is not None, service)
    service.round()
    assert runs(tmp_path) == ["archive"]
    archive.began = at(20, 12)
    until(lambda: len(runs(tmp_path)) == 2, service)
