"""A real Redis whose exchange was cut off, or that does not start with what was restored, has its own data again."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from backup.engines.base import HALF
from backup.engines.redis import PART
from backup.model import Taken
from init.protocol import Failure
from tests.contract.backup.plain_files import Files, backed_up, task
from tests.contract.backup.redis_servers import Connection, Target, backed, client, emptied, started
from tests.contract.containers import Contract
from tests.unit.backup.test_redis_files import Cut, cut_before

pytestmark = pytest.mark.contract


@pytest.fixture(scope="module")
def server() -> Iterator[tuple[Contract, Connection]]:
    with backed() as both:
        yield both


@pytest.fixture(params=["yes", "no"])
def target(request: pytest.FixtureRequest, server: tuple[Contract, Connection], tmp_path: Path) -> Iterator[Target]:
    with started(server[0], tmp_path, request.param) as found:
        client(found.connection).set("old", "data")
        yield found


@pytest.fixture
def loaded(server: tuple[Contract, Connection], target: Target, tmp_path: Path) -> tuple[Files, Taken]:
    """A set that is loaded beside the data of a server, which is stopped since."""
    client(emptied(server[1])).set("restored", "data")
    files, taken = backed_up(PART, server[1], tmp_path)
    PART.load(target.connection, files, taken, task(tmp_path))
    stopped(target)
    return files, taken


def stopped(target: Target) -> None:
    # One that keeps no log writes its file only when it is asked, or as it stops after enough changes.
    if target.connection["expect"]["appendonly"] == "no":
        client(target.connection).save()
    target.container.stop(timeout=10)


def keys(target: Target) -> object:
    """Start it, and return what it has."""
    target.start()
    return client(target.connection).keys()


def names(target: Target) -> set[str]:
    return {path.name for path in target.directory.iterdir()} - {"appendonlydir", "dump.rdb"}


def test_a_server_that_does_not_start_with_what_was_restored_has_its_own_data_again(
    target: Target, loaded: tuple[Files, Taken], tmp_path: Path
) -> None:
    files, taken = loaded
    PART.exchange(target.connection, taken, task(tmp_path))
    appending = target.connection["expect"]["appendonly"] == "yes"
    name = "appendonlydir/appendonly.aof.1.base.rdb" if appending else "dump.rdb"
    (target.directory / name).write_bytes(b"nonsense")
    target.container.start()
    assert target.container.wait(timeout=30)["StatusCode"] != 0
    for _ in range(2):
        assert PART.give_up(target.connection, taken, task(tmp_path))
    assert names(target) == set()
    assert keys(target) == [b"old"]
    # As before also in that another restore goes its way.
    PART.load(target.connection, files, taken, task(tmp_path))
    stopped(target)
    PART.exchange(target.connection, taken, task(tmp_path))
    assert keys(target) == [b"restored"]
    PART.finish(target.connection, taken, task(tmp_path))
    assert names(target) == {"restored-from"}


@pytest.mark.parametrize("since", [False, True])
def test_where_nobody_knows_of_it_a_load_says_so_and_nothing_is_lost(
    target: Target, loaded: tuple[Files, Taken], tmp_path: Path, since: bool
) -> None:
    (files, taken), work = loaded, task(tmp_path)
    # The old files are gone, and the new ones are not there yet.
    cut = 4 if (target.directory / "dump.rdb").exists() and (target.directory / "appendonlydir").exists() else 3
    with pytest.MonkeyPatch.context() as patch, pytest.raises(Cut), cut_before(cut, patch):
        PART.exchange(target.connection, taken, work)
    assert {"placing", "replaced"} <= names(target)
    if since:
        assert keys(target) == []
        client(target.connection).set("since", "then")
    with pytest.raises(Failure, match="cut off while it exchanged data") as failure:
        PART.load(target.connection, files, taken, task(tmp_path))
    assert failure.value.kind == HALF
    if since:
        stopped(target)
    PART.give_up({**target.connection, "unnoted": True}, taken, task(tmp_path))
    assert keys(target) == ([b"since"] if since else [b"old"])
    assert names(target) == ({"earlier"} if since else set())
    PART.load(target.connection, files, taken, task(tmp_path))
    stopped(target)
    PART.exchange(target.connection, taken, task(tmp_path))
    assert keys(target) == [b"restored"]
    PART.finish(target.connection, taken, task(tmp_path))
    assert names(target) == {"restored-from"}
