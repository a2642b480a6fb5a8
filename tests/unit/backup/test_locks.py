"""One at a time on a directory, and a lock that does not outlive its holder."""

import threading
import time
from pathlib import Path

import pytest

from backup.sets import locked
from backup.targets import open_target
from init.protocol import Failure
from tests.unit.backup.apart import kill_when_told
from tests.unit.backup.making import directory

_HOLDER = """
import sys, time
from pathlib import Path
from backup.targets.directory import Directory
with Directory(Path(sys.argv[1])).locked("create in a process that dies", 0):
    print("locked", flush=True)
    time.sleep(100)
"""


def test_another_one_waits_and_is_told_who_has_it(tmp_path: Path) -> None:
    target, other = directory(tmp_path), directory(tmp_path)
    with locked(target, "create dev", 0) as guard:
        guard()
        began = time.monotonic()
        with pytest.raises(Failure, match="create dev has it since 20") as caught, locked(other, "prune", 0.5):
            pass
        assert (caught.value.kind, 0.5 <= time.monotonic() - began < 5) == ("Locked", True)
        assert list(target.items()) == []
    with locked(other, "prune", 0):
        pass


def test_who_waits_gets_it_once_it_is_free(tmp_path: Path) -> None:
    target, entered = directory(tmp_path), threading.Event()

    def wait() -> None:
        with locked(directory(tmp_path), "second", 30):
            entered.set()

    with locked(target, "first", 0):
        waiting = threading.Thread(target=wait)
        waiting.start()
        assert not entered.wait(0.5)
    waiting.join(10)
    assert entered.is_set()


def test_a_killed_holder_has_nothing(tmp_path: Path) -> None:
    kill_when_told(_HOLDER, str(tmp_path))
    with locked(directory(tmp_path), "next", 5):
        pass


@pytest.mark.parametrize(
    ("document", "words"),
    [
        ({}, "kind is None; allowed: directory, bucket"),
        ({"kind": "tape"}, "kind is 'tape'"),
        ({"kind": "directory"}, "path of the directory is missing"),
        ({"kind": "directory", "path": ""}, "path of the directory is missing, empty"),
        ({"kind": "directory", "path": "/a", "secret_key": "s3cret"}, "secret_key is no key of a directory"),
        ({"kind": "bucket", "endpoint": "http://a", "bucket": "b", "access_key": "s3cret"}, "secret_key of the bucket"),
        (
            {"kind": "bucket", "endpoint": "http://a", "bucket": "b", "access_key": "a", "secret_key": ["s3cret"]},
            "secret_key of the bucket is missing, empty or no text",
        ),
    ],
)
def test_a_description_that_is_none_is_refused_without_its_secrets(document: dict[str, object], words: str) -> None:
    with pytest.raises(ValueError, match=words) as caught:
        open_target(document)
    assert "s3cret" not in str(caught.value)


def test_descriptions_make_targets_that_say_where_they_are(tmp_path: Path) -> None:
    assert str(open_target({"kind": "directory", "path": str(tmp_path)})) == f"directory {tmp_path}"
    keys = {"access_key": "s3cret", "secret_key": "s3cret"}
    bucket = open_target({"kind": "bucket", "endpoint": "http://store:9000", "bucket": "b", "prefix": "/a/b/", **keys})
    assert str(bucket) == "bucket b at http://store:9000, a/b/"
