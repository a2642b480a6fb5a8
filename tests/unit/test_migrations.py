"""Migration files are parsed and hashed without a connection, and every kind of bad folder has its own error."""

import hashlib
from collections.abc import Mapping
from pathlib import Path

import pytest

from init.migrations import MigrationsInvalid, Options, checksum, load

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
    assert (files[0].version, files[0].file, files[0].up.suffix) == ("001", "001_a.sql", "sql")


def test_an_engine_without_a_folder_has_no_migrations(tmp_path: Path) -> None:
    assert load(tmp_path / "redis") == ()


def test_line_ends_do_not_change_a_checksum(tmp_path: Path) -> None:
    (windows,) = load(write(tmp_path, {"001_a.sql": "SELECT 1;\r\nSELECT 2;\r\n"}))
    assert windows.checksum == checksum("SELECT 1;\nSELECT 2;\n") == checksum("SELECT 1;\r\nSELECT 2;\r\n")
    assert "\r" not in windows.up.body


def test_any_other_byte_changes_a_checksum() -> None:
    assert len({checksum(body) for body in ("SELECT 1", "SELECT 2", "SELECT 1 ", "SELECT 1\n", "SELECT\r1")}) == 5


def test_a_way_back_belongs_to_its_way_there_and_not_to_the_checksum(tmp_path: Path) -> None:
    files = {"001_a.sql": "SELECT 1", "001_a.down.sql": "SELECT 0", "002_b.sql": "SELECT 2"}
    first, second = load(write(tmp_path, files))
    assert first.down is not None
    assert (first.down.file, first.down.body, first.checksum) == ("001_a.down.sql", "SELECT 0", checksum("SELECT 1"))
    assert second.down is None


def test_hidden_files_and_folders_are_no_migrations(tmp_path: Path) -> None:
    directory = write(tmp_path, {"001_a.sql": "SELECT 1", ".gitkeep": "", ".001_a.sql.swp": "x"})
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
        ({"001_a.sql": "x", "001_b.down.sql": "x"}, "no-way-there", ["001_b.down.sql", "001_b.sql"]),
        ({"001_a.sql": "x", "001_a.down.json": "{}"}, "no-way-there", ["001_a.down.json", "001_a.json"]),
        ({"001_a.sql": "x", "001_a.json": "{}"}, "duplicate", ["001_a.json", "001_a.sql"]),
        ({"001_a.sql": "x", "002_b.sql": "x", "005_c.sql": "x"}, "gap", ["005_c.sql", "003, 004 is missing"]),
        ({"001_a.sql": "-- timeout: soon\nx"}, "bad-option", ["timeout is 'soon'", "90s"]),
        ({"001_a.sql": "-- timeout: 0s\nx"}, "bad-option", ["timeout is '0s'", "above 0"]),
        ({"001_a.sql": "-- transactional: no\nx"}, "bad-option", ["transactional is 'no'", "true, false"]),
        ({"001_a.sql": "-- timeuot: 5s\nx"}, "bad-option", ["'timeuot' is not known", "timeout"]),
        ({"001_a.py": "# transactional: false\nx"}, "bad-option", ["'transactional' is not known", "sql only"]),
        ({"001_a.json": "{"}, "bad-option", ["no JSON"]),
        ({"001_a.json": "[]"}, "bad-option", ["a JSON list", "an object"]),
        ({"001_a.json": '{"timeout": 5}'}, "bad-option", ["timeout is '5'"]),
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


@pytest.mark.parametrize(
    ("name", "body", "options"),
    [
        ("001_a.sql", "SELECT 1", Options()),
        ("001_a.sql", "-- transactional: false\nSELECT 1", Options(transactional=False)),
        ("001_a.sql", "\n-- Why it is so.\n--\n--timeout:1.5s\nSELECT 1", Options(timeout=1.5)),
        ("001_a.sql", "-- timeout: 2min\r\n-- transactional: false\r\nx", Options(transactional=False, timeout=120)),
        ("001_a.sql", "-- timeout: 250ms\nx", Options(timeout=0.25)),
        ("001_a.sql", "-- timeout: 1h\nx", Options(timeout=3600)),
        ("001_a.py", "# timeout: 10s\nCOLLECTION = {}", Options(timeout=10)),
        ("001_a.json", '{"timeout": "10s", "indices": []}', Options(timeout=10)),
        # Prose, values in statements, and what comes after the first statement are no options.
        ("001_a.sql", "-- Indexes: those that reads need\nx", Options()),
        ("001_a.sql", "-- transactional: false is not needed here\nx", Options()),
        ("001_a.sql", "-- Note, about timeout: none\nx", Options()),
        ("001_a.sql", "-- https://example.com/why?a=b\nx", Options()),
        ("001_a.sql", "-- As told: twice\nx", Options()),
        ("001_a.sql", "SELECT 1;\n-- transactional: false\n-- color: red\n", Options()),
        ("001_a.py", '"""About.\n\ntimeout: 5s\n"""\n# timeout: 5s\nx = 1', Options()),
        ("001_a.json", '{"settings": {"timeout": "5s"}}', Options()),
    ],
)
def test_options_stand_at_the_top_and_prose_is_none(tmp_path: Path, name: str, body: str, options: Options) -> None:
    (migration,) = load(write(tmp_path, {name: body}))
    assert migration.up.options == options


def test_the_way_back_has_options_of_its_own(tmp_path: Path) -> None:
    files = {"001_a.sql": "SELECT 1", "001_a.down.sql": "-- transactional: false\nSELECT 0"}
    (migration,) = load(write(tmp_path, files))
    assert migration.down is not None
    assert (migration.up.options.transactional, migration.down.options.transactional) == (True, False)


def test_a_bad_option_of_the_way_back_is_named_with_its_file(tmp_path: Path) -> None:
    with pytest.raises(MigrationsInvalid, match=r"postgres/001_a.down.sql: option 'color' is not known"):
        load(write(tmp_path, {"001_a.sql": "SELECT 1", "001_a.down.sql": "-- color: red\nSELECT 0"}))


def test_an_option_with_more_than_one_word_is_refused_and_not_taken_for_prose(tmp_path: Path) -> None:
    with pytest.raises(MigrationsInvalid, match="timeout is '5 s'"):
        load(write(tmp_path, {"001_a.sql": "-- timeout: 5 s\nSELECT 1"}))
