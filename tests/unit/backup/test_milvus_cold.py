"""Copies of volumes: everything of them comes back, nothing else is taken, and old or new content is there as a whole."""

import io
import os
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import pytest

from backup.creating import create
from backup.engines import load
from backup.engines.base import Task
from backup.engines.milvus_cold import PART
from backup.engines.milvus_cold_tar import Sums, pack, unpack
from backup.engines.volume import Volume
from backup.model import Taken
from init.protocol import Failure
from tests.unit.backup import apart
from tests.unit.backup.test_redis_files import Cut, cut_before

SET, OTHER = "20261122-100000-abcd", "20261122-110000-ffff"
SERVICES = ("etcd", "milvus", "minio")


class Kept:
    """Keeps a part's files in memory."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(sorted(self.files))

    @contextmanager
    def file(self, name: str) -> Iterator[IO[bytes]]:
        stream = io.BytesIO(self.files.get(name, b""))
        yield stream
        self.files[name] = stream.getvalue()


def task(path: Path, set_id: str = SET) -> Task:
    return Task(set_id=set_id, staging=path, progress=lambda _: None)


def volumes(path: Path, text: str) -> dict[str, Any]:
    """Three volumes with files, empty directories and modes of several kinds."""
    for service in SERVICES:
        top = path / service
        (top / ".sys/deep").mkdir(parents=True, exist_ok=True)
        (top / "empty").mkdir(mode=0o711, exist_ok=True)
        (top / ".sys/deep/😀").write_text(f"{service} {text}")
        (top / "file").write_bytes(b"\x00" * 100_000 + text.encode())
        (top / "file").chmod(0o640)
    return {"volumes": {service: str(path / service) for service in SERVICES}}


def tree(path: Path) -> dict[str, tuple[int, bytes]]:
    """Return mode and content of everything below a directory but what a restore notes there."""
    return {
        str(one.relative_to(path)): (one.stat().st_mode, one.read_bytes() if one.is_file() else b"")
        for one in path.rglob("*")
        if one.name != ".restored-from"
    }


@pytest.fixture
def taken(tmp_path: Path) -> tuple[dict[str, Any], Kept, Taken, dict[str, tuple[int, bytes]]]:
    """Volumes that were copied, and have changed since; with what they were."""
    connection, kept = volumes(tmp_path, "old"), Kept()
    found = PART.back_up(connection, kept, task(tmp_path))
    before = tree(tmp_path)
    volumes(tmp_path, "newer")
    for service in SERVICES:
        (tmp_path / service / "added").write_text("since")
    return connection, kept, found, before


def test_everything_comes_back_and_nothing_that_came_since(tmp_path: Path, taken: Any) -> None:
    connection, kept, found, before = taken
    assert kept.names == tuple(f"volumes/{service}.tar" for service in SERVICES)
    assert found.counts == dict.fromkeys(SERVICES, 2)
    PART.load(connection, kept, found, task(tmp_path))
    assert (tmp_path / "minio/added").exists()
    PART.exchange(connection, found, task(tmp_path))
    for service in SERVICES:
        Volume("milvus", service, tmp_path / service, dot=".").forget()
    assert tree(tmp_path) == before
    assert PART.back_up(connection, Kept(), task(tmp_path)).checksums == found.checksums


def test_an_exchange_that_is_cut_off_anywhere_is_finished_by_the_next(tmp_path: Path, taken: Any) -> None:
    connection, kept, found, _ = taken
    cuts = 0
    for change in range(200):
        volumes(tmp_path, "newer")
        PART.load(connection, kept, found, task(tmp_path))
        try:
            with pytest.MonkeyPatch.context() as patch, cut_before(change, patch):
                PART.exchange(connection, found, task(tmp_path))
        except Cut:
            cuts += 1
            if not (tmp_path / "etcd/file").exists():
                # A server that was started in between has made itself one.
                (tmp_path / "etcd/file").write_text("unexpected")
            PART.exchange(connection, found, task(tmp_path))
        assert PART.back_up(connection, Kept(), task(tmp_path)).checksums == found.checksums
        if cuts <= change:
            break
    assert cuts > 20


def test_what_a_load_leaves_is_no_part_of_a_copy_and_is_discarded(tmp_path: Path, taken: Any) -> None:
    connection, kept, found, _ = taken
    before, sums = tree(tmp_path), PART.back_up(connection, Kept(), task(tmp_path)).checksums
    PART.load(connection, kept, found, task(tmp_path))
    assert PART.back_up(connection, Kept(), task(tmp_path)).checksums == sums
    PART.discard(connection, task(tmp_path))
    assert tree(tmp_path) == before


def test_nothing_is_exchanged_unless_every_volume_is_loaded(tmp_path: Path, taken: Any) -> None:
    connection, kept, found, _ = taken
    PART.load(connection, kept, found, task(tmp_path))
    (tmp_path / "minio/.restoring/set").unlink()
    before = tree(tmp_path)
    with pytest.raises(Failure, match="volume of minio is not complete"):
        PART.exchange(connection, found, task(tmp_path))
    assert tree(tmp_path) == before
    with pytest.raises(Failure, match=f"not set {OTHER}"):
        PART.exchange(connection, found, task(tmp_path, OTHER))


@pytest.mark.parametrize("changed", ["content", "mode", "name"])
def test_another_content_mode_or_name_is_seen(tmp_path: Path, taken: Any, changed: str) -> None:
    connection, kept, _, _ = taken
    found = PART.back_up(connection, kept, task(tmp_path))
    file = tmp_path / "milvus/file"
    if changed == "content":
        file.write_bytes(file.read_bytes()[:-1] + b"x")
    elif changed == "mode":
        file.chmod(0o600)
    else:
        file.rename(tmp_path / "milvus/elif")
    other = PART.back_up(connection, kept, task(tmp_path))
    assert {name for name in SERVICES if other.checksums[name] != found.checksums[name]} == {"milvus"}
    with pytest.raises(Failure, match="not as they were taken"):
        PART.load(connection, kept, found, task(tmp_path))


def test_only_files_and_directories_below_are_packed_and_unpacked(tmp_path: Path) -> None:
    (tmp_path / "volume").mkdir()
    (tmp_path / "volume/link").symlink_to("/etc/passwd")
    with pytest.raises(Failure, match="neither a file nor a directory"):
        pack(tmp_path / "volume", io.BytesIO(), Sums("etcd", print))
    for name, kind in (("../out", tarfile.REGTYPE), ("/out", tarfile.REGTYPE), ("link", tarfile.SYMTYPE)):
        stream = io.BytesIO()
        with tarfile.open(fileobj=stream, mode="w") as archive:
            entry = tarfile.TarInfo(name)
            entry.type, entry.linkname = kind, "/etc/passwd"
            archive.addfile(entry)
        with pytest.raises(Failure, match="the archive of a volume has"):
            unpack(io.BytesIO(stream.getvalue()), tmp_path / "volume", Sums("etcd", print))
    assert os.listdir(tmp_path) == ["volume"]


def test_a_set_has_the_copy_instead_of_both(tmp_path: Path) -> None:
    from backup.configuration import Configuration
    from tests.unit.backup.making import RECIPIENT, SEED

    assert load("milvus", cold=True) is PART
    connection = volumes(tmp_path / "volumes", "old")
    (tmp_path / "target").mkdir()
    configuration = Configuration(
        stack="dev", engines={"milvus": {}, "minio": {}}, recipient=RECIPIENT, signing=SEED,
        target={"kind": "directory", "path": str(tmp_path / "target")}, schedule="", keep="", staging="",
    )  # fmt: skip
    manifest = create(configuration, trigger="manual", cold={**connection, "version": "2.3.5"}, progress=lambda _: None)
    assert list(manifest.engines) == ["milvus"]
    assert (manifest.good, manifest.partial) == (True, False)
    milvus = manifest.engines["milvus"].taken
    assert milvus is not None
    assert (milvus.server_version, milvus.details["holds"]) == ("2.3.5", ["minio"])
    with pytest.raises(Failure, match="only has minio"):
        create(configuration, trigger="manual", only=["minio"], cold={**connection, "version": ""})


@pytest.mark.skipif(os.geteuid() != 0, reason="only root becomes somebody else")
def test_a_job_reads_what_is_others_and_writes_only_what_is_its_own(tmp_path: Path) -> None:
    (tmp_path / "theirs").mkdir(mode=0o700)
    (tmp_path / "theirs/file").write_text("read")
    code = """
import os, sys
from backup.becoming import become
become("10001:10002")
print(os.getresuid(), os.getresgid(), os.getgroups())
print(open(sys.argv[1] + "/file").read())
for change in (lambda: open(sys.argv[1] + "/new", "w"), lambda: os.setuid(0)):
    try:
        change()
    except PermissionError:
        print("refused")
"""
    lines = apart.run(code, str(tmp_path / "theirs")).splitlines()
    assert lines == ["(10001, 10001, 10001) (10002, 10002, 10002) []", "read", "refused", "refused"]
