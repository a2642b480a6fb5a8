"""DuckDB's part of a set: a file comes back with every value and every object."""

from pathlib import Path
from typing import Any

import pytest

from backup.engines.duckdb import PART
from backup.model import Taken
from init.engines.duckdb_lease import Lease
from init.protocol import Failure
from tests.contract.backup.plain_files import Files, backed_up, restored
from tests.unit.backup.duckdb_samples import CATALOG, COUNTS, holding, names, place, run


def test_every_value_and_object_comes_back(
    duckdb_source: dict[str, Any], duckdb_target: dict[str, Any], duckdb_set: tuple[Files, Taken], tmp_path: Path
) -> None:
    files, taken = duckdb_set
    assert taken.counts == COUNTS
    Path(duckdb_target["path"]).chmod(0o640)
    lease = Path(f"{duckdb_target['path']}.lease")
    lease.touch()
    inode = lease.stat().st_ino
    restored(PART, duckdb_target, files, taken, tmp_path)
    assert names(duckdb_target) == ["kari.db", "kari.db.lease"]
    assert lease.stat().st_ino == inode
    assert Path(duckdb_target["path"]).stat().st_mode & 0o777 == 0o640
    assert PART.summarize(duckdb_target) == PART.summarize(duckdb_source) == (taken.counts, taken.checksums)
    questions = [CATALOG, *(f'SELECT * FROM "{table}"' for table in COUNTS if "." not in table), "SELECT quadrupled(2)"]
    moving = ["SELECT nextval('numbers'), nextval('cycled'), nextval('cycled')", "SELECT * FROM other.all_names"]
    assert run(duckdb_target, *questions, *moving) == run(duckdb_source, *questions, *moving)


def test_a_fresh_volume_is_restored_to(duckdb_set: tuple[Files, Taken], tmp_path: Path) -> None:
    fresh = place(tmp_path / "fresh")
    restored(PART, fresh, *duckdb_set, tmp_path)
    assert names(fresh) == ["kari.db", "kari.db.lease"]
    assert PART.summarize(fresh)[0] == COUNTS


def test_what_is_only_in_the_log_is_taken_too(duckdb_source: dict[str, Any], tmp_path: Path) -> None:
    holding(duckdb_source).communicate("")
    assert "kari.db.wal" in names(duckdb_source)
    _, taken = backed_up(PART, duckdb_source, tmp_path)
    assert taken.counts == {**COUNTS, "logged": 1}


def test_who_holds_the_file_is_named(duckdb_source: dict[str, Any], tmp_path: Path) -> None:
    lease = Lease(Path(duckdb_source["path"]), "an application", seconds=0)
    with pytest.raises(Failure, match=r"held by an application since"):
        backed_up(PART, duckdb_source, tmp_path)
    lease.release()
    process = holding(duckdb_source)
    with pytest.raises(Failure, match=rf"still in use after .*{process.pid}"):
        backed_up(PART, duckdb_source, tmp_path)
    process.communicate("")


def test_a_missing_file_is_no_backup(tmp_path: Path) -> None:
    with pytest.raises(Failure, match="does not exist"):
        backed_up(PART, place(tmp_path / "none"), tmp_path)
    with pytest.raises(Failure, match="is no directory"):
        backed_up(PART, {"path": str(tmp_path / "nowhere" / "kari.db")}, tmp_path)


def test_a_damaged_source_is_named(duckdb_source: dict[str, Any], tmp_path: Path) -> None:
    path = Path(duckdb_source["path"])
    data = bytearray(path.read_bytes())
    for at in range(3 * 4096 + 100, len(data), 5000):
        data[at] ^= 0xFF
    path.write_bytes(data)
    with pytest.raises(Failure, match="cannot be read") as failure:
        backed_up(PART, duckdb_source, tmp_path)
    assert failure.value.kind == "Damaged"
