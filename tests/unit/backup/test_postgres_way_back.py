"""PostgreSQL's old data come back from wherever an exchange was cut off; where nobody knows of that, a load says so."""

import os
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from backup.engines import postgres_files
from backup.engines.base import HALF
from backup.model import Taken
from init.protocol import Failure
from tests.unit.backup.test_postgres_files import Cut, Empty, cutting, task, volume

TAKEN = Taken(
    tool="", server_version="", schema_version="", counts={}, checksums={}, began=0.0, ended=0.0, details={"bytes": 0}
)


def exchanged(path: Path, renames: int) -> dict[str, Any]:
    """Cut an exchange off after that many renames, or not at all."""
    connection = volume(path)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "rename", cutting(os.rename, renames))
        with suppress(Cut):
            postgres_files.exchange(connection, task())
    return connection


def started(path: Path) -> None:
    """As a server does that finds nothing."""
    (path / "pgdata").mkdir()
    (path / "pgdata/PG_VERSION").write_text("in between")


def version(path: Path) -> str:
    return (path / "pgdata/PG_VERSION").read_text()


def names(path: Path) -> list[str]:
    return sorted(one.name for one in path.iterdir())


@pytest.mark.parametrize("renames", [0, 1, 2])
def test_an_exchange_is_given_up_wherever_giving_up_is_cut_off(tmp_path: Path, renames: int) -> None:
    for cut in range(9):
        path = tmp_path / str(cut)
        connection = exchanged(path, renames)
        if renames == 1 and cut % 2:
            started(path)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(os, "rename", cutting(os.rename, cut))
            try:
                assert postgres_files.give_up(connection, task())
            except Cut:
                assert cut < 4
        for _ in range(2):
            assert postgres_files.give_up(connection, task())
            assert (version(path), names(path)) == ("old", ["pgdata"])


def test_what_took_the_place_of_nothing_stays(tmp_path: Path) -> None:
    connection = volume(tmp_path)
    (tmp_path / "pgdata").rename(tmp_path / "gone")
    postgres_files.exchange(connection, task())
    for _ in range(2):
        assert not postgres_files.give_up(connection, task())
        assert version(tmp_path) == "new"
    postgres_files.clear(connection)
    assert names(tmp_path) == ["gone", "pgdata"]


def test_a_server_may_have_been_started_more_than_once_in_between(tmp_path: Path) -> None:
    connection = exchanged(tmp_path, 1)
    for _ in range(2):
        started(tmp_path)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(os, "rename", cutting(os.rename, 1))
            with pytest.raises(Cut):
                postgres_files.exchange(connection, task())
    postgres_files.exchange(connection, task())
    assert (version(tmp_path), (tmp_path / "replaced/PG_VERSION").read_text()) == ("new", "old")


def test_a_load_that_finds_half_an_exchange_touches_nothing_and_says_so(tmp_path: Path) -> None:
    connection = exchanged(tmp_path, 1)
    for _ in range(2):
        with pytest.raises(Failure, match="cut off while it exchanged data") as failure:
            postgres_files.load(connection, Empty(), TAKEN, task())
        assert failure.value.kind == HALF
        postgres_files.discard(connection)
        assert names(tmp_path) == ["replaced", "restoring"]
    assert postgres_files.give_up({**connection, "unnoted": True}, task())
    assert (version(tmp_path), names(tmp_path)) == ("old", ["pgdata"])


def test_of_a_server_that_went_on_without_its_data_nothing_is_lost(tmp_path: Path) -> None:
    for cut in range(4):
        path = tmp_path / str(cut)
        connection = {**exchanged(path, 1), "unnoted": True}
        started(path)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(os, "rename", cutting(os.rename, cut))
            try:
                postgres_files.give_up(connection, task())
            except Cut:
                assert cut < 2
        postgres_files.give_up(connection, task())
        assert (version(path), names(path)) == ("in between", ["earlier", "pgdata"])
        assert (path / "earlier/pgdata.0/PG_VERSION").read_text() == "old"
        postgres_files.discard(connection)
        assert names(path) == ["earlier", "pgdata"]
        postgres_files.clear(connection)
        assert names(path) == ["pgdata"]
