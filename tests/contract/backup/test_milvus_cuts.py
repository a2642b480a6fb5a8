"""A restore of Milvus that is cut off at any step loses nothing, and is completed by doing the step again."""

import json
import signal
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from backup.engines.milvus import PART
from backup.engines.milvus_names import RESTORING, temporary
from backup.engines.milvus_server import Server as Asked
from backup.model import Taken
from init.protocol import Failure
from tests.contract.backup import milvus_contents as made
from tests.contract.backup.plain_files import Files, backed_up, task
from tests.contract.milvus_server import Server, kill_self

pytestmark = [pytest.mark.contract, pytest.mark.timeout(300)]
_READING = ("ShowCollections", "ListDatabases", "DescribeCollection", "ShowPartitions", "DescribeIndex", "Query")
_WAITING = ("GetLoadingProgress", "GetFlushState")


@pytest.fixture
def changed(milvus_server: Server, tmp_path: Path) -> tuple[Files, Taken]:
    """A set of two collections; since then, one was changed, the alias moved to another, and a third one was made."""
    made.small(milvus_server.client, "notes_v001", 20, alias="notes")
    made.small(milvus_server.client, "other", 5)
    made.loaded(milvus_server.client)
    found = backed_up(PART, milvus_server.connection, tmp_path)
    milvus_server.client.upsert("other", [made.text(0, "since")])
    made.small(milvus_server.client, "notes_v002", 3)
    milvus_server.client.alter_alias("notes_v002", "notes")
    made.loaded(milvus_server.client)
    return found


class Cut(Exception):
    """The step ends here."""


def cut_after(patch: pytest.MonkeyPatch, calls: int) -> None:
    """End after that many requests that change something."""
    send, left = Asked.send, calls

    def counted(self: Asked, method: str, request: Any, *seconds: float) -> Any:
        nonlocal left
        if method not in _READING + _WAITING:
            if left == 0:
                raise Cut
            left -= 1
        return send(self, method, request, *seconds)

    patch.setattr(Asked, "send", counted)


def cut_after_a_new_one(patch: pytest.MonkeyPatch, made_before: set[Any]) -> None:
    """End after the first request that changes something and was not made before."""
    send = Asked.send

    def counted(self: Asked, method: str, request: Any, *seconds: float) -> Any:
        answer = send(self, method, request, *seconds)
        change = (method, request.SerializeToString())
        if method not in _READING + _WAITING and change not in made_before:
            made_before.add(change)
            raise Cut
        return answer

    patch.setattr(Asked, "send", counted)


def test_an_exchange_is_completed_after_a_cut_at_any_step(
    milvus_server: Server, changed: tuple[Files, Taken], tmp_path: Path
) -> None:
    files, taken = changed
    PART.load(milvus_server.connection, files, taken, task(tmp_path))
    PART.load(milvus_server.connection, files, taken, task(tmp_path))
    cuts = set[Any]()
    for _ in range(100):
        try:
            with pytest.MonkeyPatch.context() as patch:
                cut_after_a_new_one(patch, cuts)
                PART.exchange(milvus_server.connection, taken, task(tmp_path))
            break
        except Cut:
            names = sorted(milvus_server.client.list_collections())
            # Each collection has its name, or stands ready beside it; nobody's discard takes that away.
            PART.discard(milvus_server.connection, task(tmp_path))
            assert sorted(milvus_server.client.list_collections()) == names
            for number, name in enumerate(("notes_v001", "other")):
                assert {name, temporary(task(tmp_path).set_id, number)} & set(names)
    # The mark; two aliases, dropped names, renames and loads; what is not in the set.
    assert len(cuts) >= len(("mark", "alias", *("drop", "unalias", "rename", "load") * 2, "remove"))
    PART.finish(milvus_server.connection, taken, task(tmp_path))
    assert sorted(milvus_server.client.list_collections()) == ["notes_v001", "other"]
    assert milvus_server.client.describe_alias("notes")["collection_name"] == "notes_v001"
    assert PART.summarize(milvus_server.connection) == (taken.counts, taken.checksums)
    # What is in its place is not exchanged again.
    PART.exchange(milvus_server.connection, taken, task(tmp_path))
    PART.finish(milvus_server.connection, taken, task(tmp_path))


@pytest.mark.parametrize("calls", [9, *(pytest.param(one, marks=pytest.mark.full) for one in range(9))])
def test_a_killed_load_leaves_the_old_data_and_is_done_again(
    milvus_server: Server, changed: tuple[Files, Taken], tmp_path: Path, calls: int
) -> None:
    files, taken = changed
    before, rows = made.described(milvus_server.client), made.contents(milvus_server.client, "other")
    killed(milvus_server, files, taken, "load", calls, tmp_path)
    after = {
        name: facts for name, facts in made.described(milvus_server.client).items() if not name.startswith(RESTORING)
    }
    assert after == before
    assert made.contents(milvus_server.client, "other") == rows
    with pytest.raises(Failure, match="nothing of set"):
        PART.exchange(milvus_server.connection, taken, task(tmp_path))
    PART.load(milvus_server.connection, files, taken, task(tmp_path))
    with pytest.raises(Failure, match="loaded, but not in its place"):
        PART.finish(milvus_server.connection, taken, task(tmp_path))
    PART.discard(milvus_server.connection, task(tmp_path))
    assert made.described(milvus_server.client) == before


@pytest.mark.full
def test_a_killed_exchange_is_done_again(milvus_server: Server, changed: tuple[Files, Taken], tmp_path: Path) -> None:
    files, taken = changed
    PART.load(milvus_server.connection, files, taken, task(tmp_path))
    killed(milvus_server, files, taken, "exchange", 4, tmp_path)
    PART.exchange(milvus_server.connection, taken, task(tmp_path))
    PART.finish(milvus_server.connection, taken, task(tmp_path))
    assert PART.summarize(milvus_server.connection) == (taken.counts, taken.checksums)


def killed(server: Server, files: Files, taken: Taken, step: str, calls: int, directory: Path) -> None:
    """Do a step in a process of its own, which is killed before one of its changes."""
    told = json.dumps([server.connection, str(files.directory), asdict(taken), step, calls, str(directory)])
    script = f"from {__name__} import killed_step; import sys; killed_step(sys.argv[1])"
    run = subprocess.run([sys.executable, "-c", script, told], timeout=100, check=False, capture_output=True, text=True)
    assert run.returncode == -signal.SIGKILL, run.stderr


def killed_step(told: str) -> None:
    """Do a step in this process, which ends itself in it."""
    connection, files, taken, step, calls, directory = json.loads(told)
    work = task(Path(directory))
    with pytest.MonkeyPatch.context() as patch:
        cut_after(patch, calls)
        patch.setattr(Cut, "__init__", lambda _: kill_self())
        if step == "load":
            PART.load(connection, Files(Path(files)), Taken(**taken), work)
        else:
            PART.exchange(connection, Taken(**taken), work)
