"""The journal of a restore: what may be done next is said by how far it came, whoever asks."""

from pathlib import Path

import pytest

from backup.engines import journal as states
from backup.engines.elasticsearch_journal import StagingJournal, sweep
from backup.engines.journal import Restore
from init.protocol import Failure


@pytest.fixture
def journal(tmp_path: Path) -> StagingJournal:
    (tmp_path / "restores").mkdir()
    return StagingJournal(tmp_path)


def test_it_is_read_as_it_was_written_and_removed(journal: StagingJournal, tmp_path: Path) -> None:
    assert journal.read() is None
    for state in (states.LOADING, states.EXCHANGING):
        journal.write(Restore("one", state=state, touched=True, details={"done": ["a"]}))
    assert StagingJournal(tmp_path).read() == Restore("one", states.EXCHANGING, touched=True, details={"done": ["a"]})
    (tmp_path / "restores" / "one" / "repository").mkdir(parents=True)
    sweep(tmp_path)
    assert [path.name for path in (tmp_path / "restores").iterdir()] == ["journal.json"]
    for _ in range(2):
        journal.remove()
    assert list((tmp_path / "restores").iterdir()) == []


def test_only_what_is_loaded_of_the_same_set_is_exchanged(journal: StagingJournal) -> None:
    with pytest.raises(Failure, match="elasticsearch: set one is not loaded"):
        journal.loaded("one")
    restore = journal.begin("one")
    with pytest.raises(Failure, match="set one is not loaded"):
        journal.loaded("one")
    for state in (states.LOADED, states.EXCHANGING, states.EXCHANGED):
        restore.state = state
        journal.write(restore)
        assert journal.loaded("one") == restore
        with pytest.raises(Failure, match="set two is not loaded"):
            journal.loaded("two")


def test_what_is_half_replaced_stays_so_until_it_is_whole(journal: StagingJournal) -> None:
    assert journal.exchanged() is None
    journal.begin("one")
    journal.refuse_touched()
    journal.write(Restore("one", states.EXCHANGING, touched=True))
    journal.begin("two")
    for refused in (journal.refuse_touched, journal.exchanged):
        with pytest.raises(Failure, match=r"the restore of set two is not finished \(it was loading\)") as failure:
            refused()
        assert failure.value.kind == "RestoreUnfinished"
    journal.write(Restore("two", states.EXCHANGED, touched=True))
    assert journal.exchanged() == journal.read()
