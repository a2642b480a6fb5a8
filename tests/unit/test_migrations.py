"""Migration files are parsed, hashed and planned without a connection, and every kind of bad folder has its own error."""

import hashlib
from collections.abc import Mapping
from pathlib import Path

import pytest

from init.migrations import Migration, MigrationsInvalid, checksum, load, pending, schema_version

BYTE_ORDER_MARK = b"\xef\xbb\xbf"


def write(folder: Path, files: Mapping[str, bytes | str]) -> Path:
    directory = folder / "postgres"
    directory.mkdir()
    for name, content in files.items():
        (directory / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    return directory


def kinds(error: MigrationsInvalid) -> list[str]:
    return [problem.kind for problem in error.problems]


def test_migrations_are_loaded_in_order_with_their_checksums(tmp_path: Path) -> None:
    files = load(write(tmp_path, {"002_b.sql": "SELECT 2", "001_a.sql": "SELECT 1"}))
    assert [file.name for file in files] == ["001_a", "002_b"]
    assert files[0].checksum == hashlib.sha256(b"SELECT 1").hexdigest()
    assert (files[0].version, files[0].file, files[0].suffix) == ("001", "001_a.sql", "sql")


def test_an_engine_without_a_folder_has_no_migrations(tmp_path: Path) -> None:
    assert load(tmp_path / "redis") == ()


def test_line_ends_do_not_change_a_checksum(tmp_path: Path) -> None:
    (windows,) = load(write(tmp_path, {"001_a.sql": "SELECT 1;\r\nSELECT 2;\r\n"}))
    assert windows.checksum == checksum("SELECT 1;\nSELECT 2;\n")
    assert "\r" not in windows.body


def test_a_way_back_hidden_files_and_folders_are_no_migrations(tmp_path: Path) -> None:
    directory = write(tmp_path, {"001_a.sql": "SELECT 1", "001_a.down.sql": "SELECT 0", ".gitkeep": ""})
    (directory / "__pycache__").mkdir()
    assert [file.name for file in load(directory)] == ["001_a"]


@pytest.mark.parametrize(
    ("files", "kind", "words"),
    [
        ({"001_a.sql": "x", "001_b.sql": "x"}, "duplicate", ["001_a.sql", "001_b.sql", "renumber"]),
        ({"001_a.sql": "x", "003_c.sql": "x"}, "gap", ["003_c.sql", "002"]),
        ({"002_b.sql": "x"}, "gap", ["002_b.sql", "001"]),
        ({"001_a.sql": " \r\n"}, "empty", ["001_a.sql"]),
        ({"001_a.sql": BYTE_ORDER_MARK + b"SELECT 1"}, "byte-order-mark", ["001_a.sql", "UTF-8 without"]),
        ({"001_a.yaml": "x"}, "unknown-suffix", [".yaml", ".sql, .json, .py"]),
        ({"001_a.sql~": "x"}, "unknown-suffix", [".sql~"]),
        ({"1_a.sql": "x"}, "bad-name", ["1_a", "001_create_tables.sql"]),
        ({"001_Create.sql": "x"}, "bad-name", ["001_Create"]),
        ({"001_.sql": "x"}, "bad-name", ["001_"]),
        ({"001_a.sql": b"\xff\xfe"}, "encoding", ["001_a.sql", "byte 0"]),
        ({"001_a.sql": "x", "001_a.down.sql": ""}, "empty", ["001_a.down.sql"]),
    ],
)
def test_a_bad_folder_is_refused_with_the_file_and_the_fix(
    tmp_path: Path, files: Mapping[str, bytes | str], kind: str, words: list[str]
) -> None:
    with pytest.raises(MigrationsInvalid) as caught:
        load(write(tmp_path, files))
    assert kinds(caught.value) == [kind]
    for word in [*words, "Fix: "]:
        assert word in str(caught.value)


def test_all_problems_are_named_at_once(tmp_path: Path) -> None:
    with pytest.raises(MigrationsInvalid) as caught:
        load(write(tmp_path, {"001_a.sql": "", "002_b.txt": "x", "c.sql": "x"}))
    assert kinds(caught.value) == ["empty", "unknown-suffix", "bad-name"]


def migration(name: str, body: str = "SELECT 1") -> Migration:
    return Migration(name=name, suffix="sql", checksum=checksum(body), body=body)


def test_what_is_not_recorded_is_pending_in_order() -> None:
    first, second, third = migration("001_a"), migration("002_b"), migration("003_c")
    plan = pending({"001_a": first.checksum}, [third, second, first])
    assert plan.pending == (second, third)
    assert plan.problems == ()


def test_an_edited_migration_is_a_problem_that_names_both_hashes() -> None:
    file = migration("001_a", "SELECT 2")
    (problem,) = pending({"001_a": checksum("SELECT 1")}, [file]).problems
    assert problem.kind == "edited"
    for part in ("001_a.sql", checksum("SELECT 1"), file.checksum):
        assert part in str(problem)


def test_a_deleted_migration_is_a_problem_even_as_the_last() -> None:
    (problem,) = pending({"001_a": checksum("x")}, []).problems
    assert problem.kind == "deleted"
    assert "001_a" in str(problem)


def test_the_schema_version_is_the_highest_applied_number() -> None:
    assert schema_version(["002_b", "001_a"]) == "002"
    assert schema_version([]) == "none"
