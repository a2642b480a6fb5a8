"""Sets: listed when they are whole, found by any of their names, and nothing where they were cut short."""

import os
from pathlib import Path

import pytest

from backup.model import INCOMPLETE
from backup.parts import PartSource
from backup.sets import find, listed, new_id, remove, root_of, sweep, time_of, unfinished
from backup.targets.directory import Directory
from backup.writing import SetWriter
from init.protocol import Failure
from tests.unit.backup.apart import kill_when_told
from tests.unit.backup.making import (
    FILES,
    IDENTITY,
    OTHER_SIGNER,
    STACK,
    TAKEN,
    TRUST,
    directory,
    made,
    nothing,
    origin,
    write_files,
)

_KILLED = """
import sys, time
from pathlib import Path
from backup.writing import SetWriter
from tests.unit.backup.making import directory, nothing, origin, write_files
with SetWriter(directory(Path(sys.argv[1])), origin(), nothing) as writer:
    write_files(writer)
    with writer.sink("redis").file("dump.rdb") as stream:
        stream.write(b"half")
        print("writing", flush=True)
        time.sleep(100)
"""


@pytest.fixture
def target(tmp_path: Path) -> Directory:
    return directory(tmp_path / "target")


def paths(target: Directory) -> list[str]:
    return [item.path for item in target.items()]


def refused(target: Directory, wanted: str, trust: tuple[str, ...] = TRUST) -> tuple[str, str]:
    with pytest.raises(Failure) as caught:
        find(target, STACK, trust, wanted)
    assert caught.value.fix
    return caught.value.kind, caught.value.message


def test_a_set_lies_where_it_says_and_comes_back(target: Directory) -> None:
    manifest = made(target, "first")
    root = root_of(STACK, manifest.id)
    assert paths(target) == sorted([f"{root}/manifest.json", *(f"{root}/{file.path}" for file in manifest.files)])
    assert (len(manifest.files), manifest.good, manifest.began <= manifest.ended) == (5, True, True)
    assert find(target, STACK, TRUST, manifest.id) == manifest
    for engine, files in FILES.items():
        source = PartSource(target, root, engine, manifest.engines[engine].files, IDENTITY)
        assert source.names == tuple(sorted(files))
        for name, content in files.items():
            with source.file(name) as stream:
                assert stream.read() == content


def test_ids_carry_their_time_and_sort_by_it() -> None:
    assert time_of("20261122T152100.048213Z-1f2e") == 1795360860.048213
    assert time_of(new_id(1795360860.9)) == 1795360860.9
    # Whatever the random end is: also within one second, and where the second ends.
    moments = [1795360859.999999, 1795360860.0, *(1795360860 + count / 1_000_000 for count in range(1, 500))]
    ids = [new_id(moment) for moment in moments]
    assert (ids, [time_of(one) for one in ids]) == (sorted(ids), moments)
    for text in ("20261122T152100.048213Z", "20261122T152100Z-1f2e", "20261122T152100.048Z-1f2e"):
        with pytest.raises(ValueError, match="is no id"):
            time_of(text)


def test_they_are_listed_newest_first_each_good_or_with_its_reason(target: Directory, tmp_path: Path) -> None:
    assert listed(target, STACK, TRUST) == []
    ids = [made(target).id, made(target, incomplete=True).id, made(target, signer=OTHER_SIGNER).id, made(target).id]
    path = tmp_path / "target" / root_of(STACK, ids[3]) / "manifest.json"
    path.write_bytes(path.read_bytes().replace(b"003", b"004"))
    found = {entry.id: entry for entry in listed(target, STACK, TRUST)}
    assert list(found) == ids[::-1]
    assert [found[one].good for one in ids] == [True, False, False, False]
    refusals = [found[one].refusal for one in ids]
    assert [refusal.kind if refusal else None for refusal in refusals] == [None, None, "NotTrusted", "Damaged"]
    sizes = [sum(item.size for item in target.items(root_of(STACK, one))) for one in ids]
    assert [found[one].size for one in ids] == sizes
    assert find(target, STACK, TRUST, "latest").id == ids[0]
    assert listed(target, "prod", TRUST) == []


def test_it_is_found_by_what_people_have(target: Directory) -> None:
    first, second = made(target, "before-the-change"), made(target, "twice")
    assert find(target, STACK, TRUST, "before-the-change") == first
    assert find(target, STACK, TRUST, second.id[:-1]) == second
    assert find(target, STACK, TRUST, "latest") == second
    made(target, "twice")
    kind, message = refused(target, "twice")
    assert (kind, f"'twice' is 2 sets of {STACK}: " in message) == ("Ambiguous", True)
    kind, message = refused(target, "202")
    assert (kind, f"{first.id} (before-the-change)" in message) == ("Ambiguous", True)


def test_what_is_not_there_is_told_with_what_is(target: Directory) -> None:
    kind, message = refused(target, "latest")
    assert (kind, message.endswith("dev has not a good set; there are: none")) == ("NotFound", True)
    manifest = made(target, "odd", incomplete=True)
    assert refused(target, "latest")[1].endswith(f"{manifest.id} (odd) [incomplete]")
    for wanted in ("", "x"):
        assert refused(target, wanted)[0] == "NotFound"
    assert refused(target, manifest.id, trust=())[0] == "NotTrusted"


def test_a_partial_set_never_stands_in_for_a_whole_one(target: Directory) -> None:
    partial = made(target, partial=True)
    assert refused(target, "latest")[1].endswith(f"{partial.id} [partial]")
    assert find(target, STACK, TRUST, partial.id) == partial
    whole = made(target)
    assert find(target, STACK, TRUST, "latest") == whole


def test_the_newest_may_be_asked_for_of_a_moment(target: Directory) -> None:
    manifest = made(target)
    assert find(target, STACK, TRUST, "latest", not_after=manifest.ended) == manifest
    with pytest.raises(Failure, match="has not a good set"):
        find(target, STACK, TRUST, "latest", not_after=manifest.ended - 0.001)


def test_an_incomplete_engine_has_its_reason_and_no_files(target: Directory) -> None:
    manifest = made(target, incomplete=True)
    milvus = manifest.engines["milvus"]
    assert (milvus.state, milvus.reason, milvus.files, milvus.taken) == (INCOMPLETE, "it did not answer", (), None)
    assert (manifest.good, [path for path in paths(target) if "milvus" in path]) == (False, [])


def test_a_set_that_is_cut_short_leaves_nothing(target: Directory, tmp_path: Path) -> None:
    def fail(error: BaseException) -> None:
        with SetWriter(target, origin(), nothing) as writer:
            write_files(writer)
            raise error

    for error in (KeyError("mine"), KeyboardInterrupt()):
        with pytest.raises(type(error)):
            fail(error)
        assert os.listdir(tmp_path / "target") == []


def test_a_set_is_only_signed_by_who_still_has_the_lock(target: Directory) -> None:
    def lost() -> None:
        raise Failure("Locked", "lost", "")

    def make() -> None:
        with SetWriter(target, origin(), lost) as writer:
            write_files(writer)
            for engine in FILES:
                writer.good(engine, TAKEN)

    with pytest.raises(Failure, match="lost"):
        make()
    assert (listed(target, STACK, TRUST), len(unfinished(target, STACK))) == ([], 1)


def test_every_engine_that_began_is_accounted_for(target: Directory) -> None:
    def make(*, begun: bool) -> None:
        with SetWriter(target, origin(), nothing) as writer:
            if begun:
                writer.sink("redis")

    with pytest.raises(ValueError, match="nothing was said about redis"):
        make(begun=True)
    with pytest.raises(ValueError, match="a set of no engine"):
        make(begun=False)
    assert paths(target) == []


def test_a_killed_set_is_not_listed_and_is_swept(target: Directory, tmp_path: Path) -> None:
    good = made(target)
    kill_when_told(_KILLED, str(tmp_path / "target"))
    assert [entry.id for entry in listed(target, STACK, TRUST)] == [good.id]
    [left] = unfinished(target, STACK)
    assert sweep(target, STACK, nothing) == [left]
    assert (unfinished(target, STACK), os.listdir(tmp_path / "target" / STACK / "sets")) == ([], [good.id])
    assert find(target, STACK, TRUST, "latest") == good


def test_a_removal_that_is_cut_off_leaves_no_set(target: Directory) -> None:
    manifest, kept = made(target), made(target)
    steps = iter(range(3))

    def stop() -> None:
        if next(steps, None) is None:
            raise KeyError("killed")

    with pytest.raises(KeyError):
        remove(target, STACK, manifest.id, stop)
    assert [entry.id for entry in listed(target, STACK, TRUST)] == [kept.id]
    assert unfinished(target, STACK) == [manifest.id]
    assert remove(target, STACK, manifest.id, nothing) > 0
    assert unfinished(target, STACK) == []


@pytest.mark.parametrize("label", ["latest", " ", "a b", "-x", "a/b", "a" * 65, "a\n"])
def test_a_label_that_could_be_mistaken_is_refused(target: Directory, label: str) -> None:
    with pytest.raises(ValueError, match="label"):
        SetWriter(target, origin(label), nothing)
