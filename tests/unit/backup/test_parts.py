"""What goes through zstd and age comes back, or is refused with the file's name; failures on the way keep their cause."""

import io
import os
import threading
from dataclasses import replace
from pathlib import Path
from typing import IO

import pyrage
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from backup.model import StoredFile
from backup.parts import PartSink, PartSource, fetch, store
from backup.targets.directory import Directory
from init.protocol import Failure
from tests.unit.backup.apart import on_small_disk, run
from tests.unit.backup.making import IDENTITY, OTHER_IDENTITY, RECIPIENT, directory

ROOT = "dev/sets/x"
_FULL = f"""
import os, sys
from pathlib import Path
from backup.parts import store
from backup.targets.directory import Directory
from init.protocol import Failure
target = Directory(Path(sys.argv[1]))
for blocks in (range(100), range(3)):
    try:
        with store(target, "r", "a/big", "{RECIPIENT}") as stream:
            for _ in blocks:
                stream.write(os.urandom(1_000_000))
    except Failure as failure:
        print(failure.kind, failure.message, list(target.items()), len(os.listdir(sys.argv[1])))
"""
_MEMORY = f"""
import hashlib, os, resource, sys
from pathlib import Path
from backup.parts import fetch, store
from backup.targets.directory import Directory
import pyrage, zstandard
target, blocks = Directory(Path(sys.argv[1])), int(sys.argv[2])
random = os.urandom(1 << 20)
texts = [random[at:] + b"some text " * (at // 10) for at in range(0, 1 << 20, 1 << 15)]
peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
before = peak()
with (storing := store(target, "r", "a", "{RECIPIENT}")) as stream:
    for number in range(blocks):
        stream.write(texts[number % len(texts)])
with fetch(target, "r", storing.stored, "{IDENTITY}") as stream:
    while stream.read(1 << 20):
        pass
print((peak() - before) >> 10, storing.stored.plain >> 20)
"""


@pytest.fixture
def target(tmp_path: Path) -> Directory:
    return directory(tmp_path / "target")


def stored(target: Directory, content: bytes, path: str = "p/a.zst.age") -> StoredFile:
    with (storing := store(target, ROOT, path, RECIPIENT)) as stream:
        stream.write(content)
    assert storing.stored is not None
    return storing.stored


def fetched(target: Directory, file: StoredFile, identity: str = IDENTITY) -> bytes:
    with fetch(target, ROOT, file, identity) as stream:
        return stream.read()


def raised(target: Directory, file: StoredFile, identity: str = IDENTITY) -> tuple[str, str]:
    with pytest.raises(Failure) as caught:
        fetched(target, file, identity)
    assert caught.value.message.startswith(f"{ROOT}/{file.path}: ")
    return caught.value.kind, caught.value.message


def threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name == "age"]


@settings(max_examples=25)
@given(st.lists(st.integers(0, 400_000), max_size=5), st.booleans())
def test_anything_comes_back(tmp_path_factory: pytest.TempPathFactory, sizes: list[int], dense: bool) -> None:
    target = directory(tmp_path_factory.mktemp("target"))
    blocks = [os.urandom(size) if dense else b"a" * size for size in sizes]
    with (storing := store(target, ROOT, "p/a", RECIPIENT)) as stream:
        for block in blocks:
            assert stream.write(block) == len(block)
    file = storing.stored
    assert file is not None
    [item] = target.items()
    assert (file.path, file.plain, file.stored) == ("p/a", sum(sizes), item.size)
    assert fetched(target, file) == b"".join(blocks)


def test_it_is_a_file_that_age_and_zstd_read_themselves(target: Directory, tmp_path: Path) -> None:
    file = stored(target, b"text" * 100_000)
    raw = (tmp_path / "target" / ROOT / file.path).read_bytes()
    packed = pyrage.decrypt(raw, [pyrage.x25519.Identity.from_str(IDENTITY)])
    assert zstandard.ZstdDecompressor().stream_reader(io.BytesIO(packed)).read() == b"text" * 100_000
    assert b"texttext" not in raw


def test_only_the_beginning_may_be_read(target: Directory) -> None:
    file = stored(target, os.urandom(8_000_000))
    with fetch(target, ROOT, file, IDENTITY) as stream:
        assert len(stream.read(10)) == 10
    with fetch(target, ROOT, file, IDENTITY):
        pass
    assert threads() == []


def test_the_last_byte_is_not_given_out_before_all_is_compared(target: Directory) -> None:
    file = replace(stored(target, b"x" * 1000), sha256="00" * 32)
    with fetch(target, ROOT, file, IDENTITY) as stream, pytest.raises(Failure, match="SHA-256"):
        stream.read(1000)


def test_whatever_the_manifest_says_otherwise_is_damage(target: Directory) -> None:
    file = stored(target, b"x" * 1000)
    for wrong, words in (
        (replace(file, plain=999), "not the 999"),
        (replace(file, plain=1001), "1000 bytes or more, not the 1001"),
        (replace(file, plain=0), "not the 0"),
        (replace(file, stored=file.stored + 1), f"{file.stored} bytes are stored"),
        (replace(file, sha256="ab" * 32), "SHA-256"),
        (replace(file, path="p/other"), "it is missing"),
    ):
        kind, message = raised(target, wrong)
        assert (kind, words in message) == ("Damaged", True), message


@settings(max_examples=60)
@given(st.floats(0, 1), st.integers(1, 255), st.sampled_from(("flip", "cut", "add")))
def test_no_byte_may_differ_none_be_missing_or_added(
    tmp_path_factory: pytest.TempPathFactory, share: float, flip: int, change: str
) -> None:
    path = tmp_path_factory.mktemp("target")
    target = directory(path)
    file = stored(target, b"some text " * 20_000)
    raw = (path / ROOT / file.path).read_bytes()
    # age's header is not always of one length.
    at = min(int(share * len(raw)), len(raw) - 1)
    flipped = raw[:at] + bytes([raw[at] ^ flip]) + raw[at + 1 :]
    (path / ROOT / file.path).write_bytes({"flip": flipped, "cut": raw[:at], "add": raw + raw[at:]}[change])
    assert raised(target, file)[0] == "Damaged"
    assert threads() == []


def test_a_wrong_identity_is_told_as_such(target: Directory) -> None:
    kind, message = raised(target, stored(target, b"text"), OTHER_IDENTITY)
    assert (kind, "AGE-SECRET" in message) == ("WrongIdentity", False)


def test_an_exception_discards_the_file_and_is_what_is_raised(target: Directory) -> None:
    for size in (0, 10, 5_000_000):

        def fail(size: int = size) -> None:
            with store(target, ROOT, "p/a", RECIPIENT) as stream:
                stream.write(os.urandom(size))
                raise KeyError("mine")

        with pytest.raises(KeyError, match="mine"):
            fail()
        assert (list(target.items()), target.sweep(), threads()) == ([], 0, [])


def test_a_full_target_is_told_as_such(tmp_path: Path) -> None:
    lines = on_small_disk(_FULL, tmp_path, "2m").splitlines()
    assert len(lines) == 2
    for line in lines:
        assert line.startswith(f"TargetFull directory {tmp_path}: r/a/big: ")
        # Only the directories of the set are left of it.
        assert line.endswith("[] 1")


@pytest.mark.parametrize(
    "megabytes", [pytest.param(200, id="200 MB"), pytest.param(1024, id="1 GB", marks=pytest.mark.full)]
)
def test_memory_stays_small_whatever_the_size(tmp_path: Path, megabytes: int) -> None:
    used, size = run(_MEMORY, str(tmp_path), str(megabytes)).split()
    assert int(size) >= megabytes * 0.95
    assert int(used) < 64


def test_an_engine_reads_what_it_has_written_by_its_own_names(target: Directory) -> None:
    sink = PartSink(target, ROOT, "milvus", RECIPIENT)
    contents = {"rows/ä b.1": b"1", "meta": b"2"}

    def write(name: str) -> IO[bytes]:
        with sink.file(name) as stream:
            stream.write(contents[name])
        return stream

    with sink.file("third") as outer:
        outer.write(b"3")
        for name in contents:
            write(name)
    assert [file.path for file in sink.files] == [f"milvus/{name}.zst.age" for name in ("meta", "rows/ä b.1", "third")]
    source = PartSource(target, ROOT, "milvus", sink.files, IDENTITY)
    assert source.names == ("meta", "rows/ä b.1", "third")
    with source.file("rows/ä b.1") as stream:
        assert stream.read() == b"1"
    with pytest.raises(ValueError, match="has a file meta already"):
        write("meta")


@pytest.mark.parametrize("name", ["", "/a", "a/", "a//b", "..", "a/../b", ".a", "a\nb", "a\\b", "a" * 201, "\x00"])
def test_a_name_that_no_target_holds_is_refused(target: Directory, name: str) -> None:
    with (
        pytest.raises(ValueError, match="is no name for a file of a part"),
        PartSink(target, ROOT, "e", RECIPIENT).file(name),
    ):
        pass
