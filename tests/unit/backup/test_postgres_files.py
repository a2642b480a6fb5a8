"""A restore on PostgreSQL's volume: what an archive may hold, and what a cut leaves."""

import io
import json
import os
import tarfile
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import IO, Any

import pytest

from backup.engines import postgres_files
from backup.engines.base import Task
from backup.engines.postgres_settings import settings
from backup.engines.postgres_unpack import unpack
from backup.model import Taken
from init.protocol import Failure

_NEEDED = {"PG_VERSION": b"17\n", "backup_label": b"START", "base/1/1249": b"rows"}


def packed(files: dict[str, bytes], *others: tarfile.TarInfo) -> io.BytesIO:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(content), 0o777
            archive.addfile(entry, io.BytesIO(content))
        for other in others:
            archive.addfile(other)
    return io.BytesIO(buffer.getvalue())


def test_files_are_unpacked_for_their_owner_alone(tmp_path: Path) -> None:
    empty = tarfile.TarInfo("pg_wal")
    empty.type, empty.mode = tarfile.DIRTYPE, 0o777
    unpack(packed(_NEEDED, empty), tmp_path, lambda _: None, expected=0)
    assert {name: (tmp_path / name).read_bytes() for name in _NEEDED} == _NEEDED
    assert (tmp_path / "base/1/1249").stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "pg_wal").stat().st_mode & 0o777 == 0o700


def link(name: str, to: str) -> tarfile.TarInfo:
    entry = tarfile.TarInfo(name)
    entry.type, entry.linkname = tarfile.SYMTYPE, to
    return entry


@pytest.mark.parametrize(
    ("archive", "reason"),
    [
        (packed({**_NEEDED, "../above": b"x"}), "../above, which is outside"),
        (packed({**_NEEDED, "/etc/passwd": b"x"}), "/etc/passwd, which is outside"),
        (packed(_NEEDED, link("pg_tblspc/1", "/etc")), "pg_tblspc/1, which is neither"),
        (packed({"PG_VERSION": b"17"}), "backup_label is missing"),
        (io.BytesIO(b"no archive" * 100), "is no base backup"),
        (io.BytesIO(packed(_NEEDED).getvalue()[:700]), "is no base backup"),
    ],
    ids=["above", "absolute", "link", "no label", "no archive", "cut"],
)
def test_what_leads_elsewhere_or_is_none_is_refused(tmp_path: Path, archive: io.BytesIO, reason: str) -> None:
    inside = tmp_path / "inside"
    inside.mkdir()
    with pytest.raises(Failure, match=reason) as caught:
        unpack(archive, inside, lambda _: None, expected=0)
    assert caught.value.kind == "Damaged"
    assert not (tmp_path / "above").exists()


def task(set_id: str = "one") -> Task:
    return Task(set_id=set_id, staging=Path("/nonexistent"), progress=lambda _: None)


def volume(tmp_path: Path, ready: str = "one") -> dict[str, Any]:
    """A volume with old data, and new ones that are recovered."""
    for directory, content in (("pgdata", "old"), ("restoring/pgdata", "new")):
        (tmp_path / directory).mkdir(parents=True)
        (tmp_path / directory / "PG_VERSION").write_text(content)
        (tmp_path / directory / "pg_hba.conf").write_text(content)
    (tmp_path / "restoring/ready").write_text(json.dumps({"set": ready}))
    return {"volume": str(tmp_path)}


class Cut(Exception):
    """The process ended here."""


@pytest.mark.parametrize("after", range(3))
def test_an_exchange_that_was_cut_off_is_finished_by_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, after: int
) -> None:
    connection = volume(tmp_path)
    monkeypatch.setattr(os, "rename", cutting(os.rename, after))
    if after < 2:
        with pytest.raises(Cut):
            postgres_files.exchange(connection, task())
    monkeypatch.undo()
    for _ in range(2):
        postgres_files.exchange(connection, task())
        assert (tmp_path / "pgdata/PG_VERSION").read_text() == "new"
        assert (tmp_path / "replaced/PG_VERSION").read_text() == "old"
    assert (tmp_path / "pgdata/pg_hba.conf").read_text() == "old"
    postgres_files.clear(connection)
    assert [path.name for path in tmp_path.iterdir()] == ["pgdata"]


@pytest.mark.parametrize("ready", ["", "{}x", json.dumps({"set": "another"})])
def test_what_is_not_recovered_is_not_exchanged(tmp_path: Path, ready: str) -> None:
    connection = volume(tmp_path)
    (tmp_path / "restoring/ready").write_text(ready)
    with pytest.raises(Failure, match="recovered beside the data, not one"):
        postgres_files.exchange(connection, task())
    assert (tmp_path / "pgdata/PG_VERSION").read_text() == "old"


def cutting(rename: Callable[..., None], after: int) -> Callable[..., None]:
    left = after

    def cut(*paths: Any) -> None:
        nonlocal left
        if left == 0:
            raise Cut
        left -= 1
        rename(*paths)

    return cut


@pytest.mark.parametrize("until", ["yesterday", "2026-05-04T10:00:00", "2026-05-04' 10:00"])
def test_a_moment_without_a_zone_is_refused(until: str) -> None:
    details = {"settings": {"max_prepared_transactions": "0", "max_locks_per_transaction": "64"}, "point": "karen-1_0"}
    with pytest.raises(Failure, match="allowed: a time with its zone"):
        settings(Path("/volumes/postgres/restoring"), details, until)
    assert "recovery_target_name = 'karen-1_0'" in settings(Path("/volumes/postgres/restoring"), details, None)


class Empty:
    """A part without files."""

    names: tuple[str, ...] = ()

    def file(self, name: str) -> AbstractContextManager[IO[bytes]]:
        raise KeyError(name)


def test_a_part_that_the_disk_cannot_hold_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    (tmp_path / "pgdata").mkdir()
    taken = Taken(
        tool="",
        server_version="",
        schema_version="",
        counts={},
        checksums={},
        began=0.0,
        ended=0.0,
        details={"bytes": 1 << 60},
    )
    with pytest.raises(Failure, match="MB free; needed beside the data: 1152921") as caught:
        postgres_files.load({"volume": str(tmp_path)}, Empty(), taken, task())
    assert caught.value.kind == "DiskFull"
    assert [path.name for path in tmp_path.iterdir()] == ["pgdata"]
