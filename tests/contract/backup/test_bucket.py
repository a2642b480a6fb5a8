"""A bucket as target, on a real MinIO: what is written is there whole or not at all, and every refusal says why."""

import os
import time
from dataclasses import replace

import pytest

from backup.checking import check
from backup.pruning import carry_out, decide
from backup.retention import Keep
from backup.sets import find, listed, locked, sweep, unfinished
from backup.targets.bucket import Bucket, Place
from init.protocol import Failure
from tests.contract.backup.bucket_server import BUCKET, client, served
from tests.contract.backup.cutting import way
from tests.contract.servers import PASSWORD
from tests.unit.backup.apart import kill_when_told, run
from tests.unit.backup.making import IDENTITY, STACK, TRUST, made, nothing

pytestmark = pytest.mark.contract
KILLED = """
import os, sys, time
from backup.targets.bucket import Bucket, Place
place = Place(endpoint=sys.argv[1], bucket="backups", prefix=sys.argv[2], access_key="karen-storage", secret_key=os.environ["SECRET"])
with Bucket(place).write("dev/sets/20261122T152100.048213Z-1f2e/postgres/base") as stream:
    for _ in range(20):
        stream.write(os.urandom(1 << 20))
    print("sent", flush=True)
    time.sleep(100)
"""

MEMORY = """
import os, resource, sys
from backup.targets.bucket import Bucket, Place
place = Place(endpoint=sys.argv[1], bucket="backups", access_key="karen-storage", secret_key=os.environ["SECRET"])
target, block = Bucket(place), os.urandom(1 << 20)
peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
before = peak()
with target.write("memory") as stream:
    for _ in range(200):
        stream.write(block)
with target.read("memory") as stream:
    while stream.read(1 << 20):
        pass
target.remove("memory")
print((peak() - before) >> 10)
"""


@pytest.fixture
def target(place: Place, request: pytest.FixtureRequest) -> Bucket:
    return Bucket(replace(place, prefix=f"of/{request.node.name}"))


def write(target: Bucket, path: str, content: bytes) -> None:
    with target.write(path) as stream:
        for start in range(0, len(content), 300_000):
            stream.write(content[start : start + 300_000])


def read(target: Bucket, path: str) -> bytes:
    with target.read(path) as stream:
        return stream.read()


def paths(target: Bucket, prefix: str = "") -> list[str]:
    return [item.path for item in target.items(prefix)]


def keys(place: Place, prefix: str) -> list[str]:
    return [one["Key"] for one in client(place).list_objects_v2(Bucket=BUCKET, Prefix=prefix).get("Contents", ())]


def uploads(place: Place, key: str) -> int:
    return len(client(place).list_multipart_uploads(Bucket=BUCKET, Prefix=key).get("Uploads", ()))


def refused(target: Bucket) -> tuple[str, str]:
    """Return the one failure that everything ends with."""

    def lock() -> None:
        with target.locked("who", 0):
            pass

    told = set()
    for attempt in (
        lambda: write(target, "a", b"x"),
        lambda: write(target, "a", bytes(20 << 20)),
        lambda: read(target, "a"),
        lambda: paths(target),
        target.sweep,
        lock,
    ):
        with pytest.raises(Failure) as caught:
            attempt()
        assert PASSWORD not in caught.value.message
        told.add((caught.value.kind, caught.value.message.removeprefix(f"{target}: "), caught.value.fix))
    assert len(told) == 1, told
    [(kind, message, _)] = told
    return kind, message


@pytest.mark.parametrize("size", [0, 1, (8 << 20) - 1, 8 << 20, (8 << 20) + 1, 25_000_000])
def test_files_of_any_size_come_back(target: Bucket, place: Place, size: int) -> None:
    content = os.urandom(size)
    write(target, "a/ü b+c", content)
    [item] = target.items()
    assert (item.path, item.size, abs(item.modified - time.time()) < 60) == ("a/ü b+c", size, True)
    assert read(target, "a/ü b+c") == content
    # No mark of an upload stays.
    assert len(keys(place, f"of/test_files_of_any_size_come_back[{size}]/")) == 1


def test_they_are_listed_by_prefix_and_sorted(target: Bucket) -> None:
    for path in ("b/1", "a.b", "a/2", "a/1"):
        write(target, path, b"x")
    assert (paths(target), paths(target, "a/"), paths(target, "c")) == (
        ["a.b", "a/1", "a/2", "b/1"],
        ["a/1", "a/2"],
        [],
    )
    for _ in range(2):
        target.remove("a.b")
        assert paths(target, "a") == ["a/1", "a/2"]
    with pytest.raises(Failure, match="dev/x: there is no such file") as caught:
        read(target, "dev/x")
    assert (caught.value.kind, target.free()) == ("NotFound", None)


@pytest.mark.parametrize("size", [10, 20 << 20])
def test_an_exception_leaves_nothing(target: Bucket, place: Place, size: int, request: pytest.FixtureRequest) -> None:
    def fail() -> None:
        with target.write("a") as stream:
            stream.write(os.urandom(size))
            raise KeyError("mine")

    with pytest.raises(KeyError):
        fail()
    prefix = f"of/{request.node.name}/"
    assert (keys(place, prefix), uploads(place, f"{prefix}a")) == ([], 0)


def test_a_killed_upload_is_not_listed_and_is_swept(target: Bucket, place: Place) -> None:
    prefix = "of/test_a_killed_upload_is_not_listed_and_is_swept"
    path = "dev/sets/20261122T152100.048213Z-1f2e/postgres/base"
    kept = made(target)
    kill_when_told(KILLED, place.endpoint, prefix, SECRET=PASSWORD)
    assert uploads(place, f"{prefix}/{path}") == 1
    assert [entry.id for entry in listed(target, STACK, TRUST)] == [kept.id]
    assert (path in paths(target), unfinished(target, STACK)) == (False, [])
    sweep(target, STACK, nothing)
    assert uploads(place, f"{prefix}/{path}") == 0
    assert not [key for key in keys(place, prefix) if ".uploads" in key]
    assert check(target, kept, print, IDENTITY).files == 5


def test_memory_stays_small_whatever_the_size(place: Place) -> None:
    assert int(run(MEMORY, place.endpoint, SECRET=PASSWORD)) < 64


def test_keys_that_are_wrong_are_told(place: Place) -> None:
    for wrong in (replace(place, secret_key="wrong"), replace(place, access_key="nobody")):
        kind, message = refused(Bucket(wrong))
        assert (kind, message.startswith("the keys are refused (")) == ("TargetFailed", True)


def test_a_bucket_that_is_not_there_is_told(place: Place) -> None:
    assert refused(Bucket(replace(place, bucket="other"))) == ("TargetFailed", "there is no such bucket")


def test_a_store_that_cannot_be_reached_is_told(place: Place) -> None:
    target = Bucket(replace(place, endpoint=place.endpoint.replace(":9000", ":9")))
    with pytest.raises(Failure, match=r"bucket backups at http://[0-9.]+:9: not reachable") as caught:
        paths(target)
    assert caught.value.kind == "TargetFailed"


def test_both_directions_go_on_where_the_connection_broke(place: Place) -> None:
    content = os.urandom(40_000_000)
    with way(place.endpoint.removeprefix("http://").removesuffix(":9000"), 9000) as cuttable:
        target = Bucket(replace(place, endpoint=f"http://127.0.0.1:{cuttable.port}", prefix="cut"))
        with target.write("a") as sink:
            for start in range(0, len(content), 5_000_000):
                sink.write(content[start : start + 5_000_000])
                cuttable.cut()
        used = cuttable.count
        with target.read("a") as stream:
            found = [stream.read(1_000_000)]
            for _ in range(3):
                cuttable.cut()
                found.append(stream.read(10_000_000))
            found.append(stream.read())
        assert b"".join(found) == content
        assert cuttable.count >= used + 3


def test_a_set_is_made_checked_found_and_pruned(target: Bucket) -> None:
    first, second = made(target, "first"), made(target, "second")
    assert find(target, STACK, TRUST, "first") == first
    assert check(target, second, print, IDENTITY).extra == ()
    with locked(target, "prune", 0) as guard:
        carry_out(target, STACK, decide(target, STACK, TRUST, Keep(last=1)), guard)
    assert [entry.id for entry in listed(target, STACK, TRUST)] == [second.id]
    assert not [path for path in paths(target) if first.id in path]


def test_a_store_that_is_full_is_told() -> None:
    """A server of its own, whose disk is a small one in memory."""
    with served("backup-bucket-full", disk="48m") as place:
        target = Bucket(place)
        write(target, "kept", b"kept")
        with pytest.raises(Failure, match="the store is full") as caught:
            write(target, "big", os.urandom(80 << 20))
        assert (caught.value.kind, paths(target)) == ("TargetFull", ["kept"])
