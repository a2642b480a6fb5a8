"""Copies of volumes: an exchange of three that was cut off anywhere is given up on all of them, and never on some."""

from pathlib import Path
from typing import Any

import pytest

from backup.engines.base import HALF
from backup.engines.milvus_cold import PART
from init.protocol import Failure
from tests.unit.backup.test_milvus_cold import SERVICES, Kept, taken, task, tree
from tests.unit.backup.test_redis_files import Cut, cut_before

__all__ = ["taken"]


def exchanged(path: Path, given: Any, changes: int) -> bool:
    """Load, and cut the exchange off before one of its changes; False if it came to its end."""
    connection, kept, found, _ = given
    PART.load(connection, kept, found, task(path))
    try:
        with pytest.MonkeyPatch.context() as patch, cut_before(changes, patch):
            PART.exchange(connection, found, task(path))
    except Cut:
        return True
    return False


def test_an_exchange_that_was_cut_off_anywhere_is_given_up(tmp_path: Path, taken: Any) -> None:
    connection, _, found, _ = taken
    before, cuts = tree(tmp_path), 0
    for changes in range(100):
        cut = exchanged(tmp_path, taken, changes)
        cuts += cut
        if cut and not (tmp_path / "etcd/file").exists():
            # A server that was started in between has made itself one.
            (tmp_path / "etcd/file").write_text("unexpected")
        for _ in range(2):
            assert PART.give_up(connection, found, task(tmp_path))
            assert tree(tmp_path) == before
        if not cut:
            break
    assert 20 < cuts < 100


@pytest.mark.parametrize("changes", [1, 6, 12, 20, 100])
def test_giving_up_is_cut_off_anywhere_and_done_again(tmp_path: Path, taken: Any, changes: int) -> None:
    connection, kept, found, _ = taken
    before, cuts = tree(tmp_path), 0
    for cut in range(100):
        exchanged(tmp_path, taken, changes)
        try:
            with pytest.MonkeyPatch.context() as patch, cut_before(cut, patch):
                PART.give_up(connection, found, task(tmp_path))
        except Cut:
            cuts += 1
            if tree(tmp_path) != before and any((tmp_path / one / ".returning").exists() for one in SERVICES):
                # Nobody takes this for the end of an exchange.
                with pytest.raises(Failure, match="cut off while it exchanged data"):
                    PART.load(connection, kept, found, task(tmp_path))
            PART.give_up(connection, found, task(tmp_path))
        assert tree(tmp_path) == before
        if cuts <= cut:
            break
    assert 0 < cuts < 100


def test_a_load_that_finds_some_exchanged_touches_nothing_and_says_so(tmp_path: Path, taken: Any) -> None:
    connection, kept, found, _ = taken
    before = tree(tmp_path)
    for changes in range(1, 100):
        exchanged(tmp_path, taken, changes)
        # With the last volume's content in its place, all of it is.
        last = tmp_path / "minio"
        if not (last / ".restoring").exists() and not any((last / ".placing/data").glob("*")):
            break
        half = tree(tmp_path)
        with pytest.raises(Failure, match="cut off while it exchanged data") as failure:
            PART.load(connection, kept, found, task(tmp_path))
        assert failure.value.kind == HALF
        PART.discard(connection, task(tmp_path))
        assert tree(tmp_path).keys() >= {name for name in half if "/.replaced/" in name}
        PART.give_up({**connection, "unnoted": True}, found, task(tmp_path))
        assert tree(tmp_path) == before
    assert changes > 15
    PART.load(connection, kept, found, task(tmp_path))
    assert PART.back_up(connection, Kept(), task(tmp_path)).checksums == found.checksums
