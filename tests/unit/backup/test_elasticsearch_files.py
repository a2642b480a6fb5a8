"""Elasticsearch: a repository's files travel as they are, readable for the server."""

import io
import os
import stat
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from backup.engines import elasticsearch_files as files
from init.protocol import Failure


@pytest.fixture
def _strict_umask() -> Iterator[None]:
    before = os.umask(0o077)
    yield
    os.umask(before)


def ignore(_: str) -> None:
    return


def repository(directory: Path) -> dict[str, bytes]:
    contents = {
        "index-0": b"{}",
        "indices/a/0/__x": b"\0" * 3_000_000,
        "indices/a/meta.dat": b"",
        "indices/b/0/__y": b"y",
    }
    for name, content in contents.items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return contents


@pytest.mark.usefixtures("_strict_umask")
def test_what_is_unpacked_is_the_same_and_readable_for_others(tmp_path: Path) -> None:
    contents = repository(tmp_path / "from")
    stream = io.BytesIO()
    files.pack(tmp_path / "from", stream, ignore)
    stream.seek(0)
    files.unpack(stream, tmp_path / "to", ignore)
    assert stream.read() == b""
    found = {str(path.relative_to(tmp_path / "to")): path for path in (tmp_path / "to").rglob("*")}
    assert {name: path.read_bytes() for name, path in found.items() if path.is_file()} == contents
    for path in (tmp_path / "to", *found.values()):
        assert stat.S_IMODE(path.stat().st_mode) == (0o755 if path.is_dir() else 0o644)


@pytest.mark.parametrize("length", [300, 5000, 100_000])
def test_half_a_file_is_told(tmp_path: Path, length: int) -> None:
    repository(tmp_path / "from")
    stream = io.BytesIO()
    files.pack(tmp_path / "from", stream, ignore)
    with pytest.raises(Failure, match="not whole"):
        files.unpack(io.BytesIO(stream.getvalue()[:length]), tmp_path / "to", ignore)


@pytest.mark.parametrize("name", ["../outside", "/outside", "a/../../outside"])
def test_nothing_is_written_elsewhere(tmp_path: Path, name: str) -> None:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w|") as archive:
        archive.addfile(tarfile.TarInfo(name))
    stream.seek(0)
    with pytest.raises(Failure, match="no file of a repository"):
        files.unpack(stream, tmp_path / "to", ignore)
    assert list((tmp_path / "to").iterdir()) == []


def test_a_link_is_no_file_of_a_repository(tmp_path: Path) -> None:
    stream = io.BytesIO()
    link = tarfile.TarInfo("link")
    link.type, link.linkname = tarfile.SYMTYPE, "/etc"
    with tarfile.open(fileobj=stream, mode="w|") as archive:
        archive.addfile(link)
    stream.seek(0)
    with pytest.raises(Failure, match="no file of a repository"):
        files.unpack(stream, tmp_path / "to", ignore)
