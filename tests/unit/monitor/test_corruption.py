"""Damaged data: recognized by what engines say, never restarted, and told with the command that brings them back."""

import time
from dataclasses import replace
from pathlib import Path

import duckdb
import pytest

from init.engines.base import DAMAGED
from monitor.causes import causes
from monitor.corruption import damage, remedy
from monitor.model import FAILED, Answer, Observation, Usage
from monitor.prober import Prober
from tests.unit.monitor.seen import failing

# As the engines were seen to say it.
SAID = {
    "postgres": [
        "postgres: DataCorrupted: invalid page in block 3 of relation base/16384/16385",
        'postgres: IndexCorrupted: index "memory_pkey" contains unexpected zero page at block 4',
        "postgres: InternalError_: missing chunk number 0 for toast value 16402 in pg_toast_16399",
        "2026-11-22 12:00:00 UTC [1] PANIC:  could not locate a valid checkpoint record at 0/1000028",
        "WARNING:  page verification failed, calculated checksum 1234 but expected 4321",
    ],
    "redis": [
        "1:M 22 Nov 2026 12:00:00.000 # Short read or OOM loading DB. Unrecoverable error, aborting now.",
        "1:M 22 Nov 2026 12:00:00.000 # Bad file format reading the append only file appendonly.aof.1.incr.aof: make a backup",
        "1:M 22 Nov 2026 12:00:00.000 # Wrong RDB checksum expected: (1) but got (2). Aborting now.",
    ],
    "duckdb": [
        "duckdb: Error: Corrupt database file: computed checksum 1 does not match stored checksum 2 in block at location 0",
        'duckdb: IOException: IO Error: The file "/data/duckdb/karen.db" exists, but it is not a valid DuckDB database file!',
        'duckdb: IOException: IO Error: Could not read enough bytes from file "/data/duckdb/karen.db": attempted to read 262144',
    ],
    "elasticsearch": [
        "elasticsearch: notes: corrupt_index_exception: checksum failed (hardware problem?) : expected=b86b6c99 actual=302f15c7",
        "org.apache.lucene.index.CorruptIndexException: checksum failed",
    ],
    "etcd": ["panic: walpb: crc mismatch"],
    "milvus": ["milvus: Corruption: block checksum mismatch: stored = 1, computed = 2"],
    "minio": ["minio: S3Error: file is corrupted, resource: /notes/a"],
}


@pytest.mark.parametrize(("service", "text"), [(name, text) for name, texts in SAID.items() for text in texts])
def test_what_engines_say_is_recognized(service: str, text: str) -> None:
    assert damage(service, f"first line\n  {text}\nlast line") == text


@pytest.mark.parametrize(
    ("service", "text"),
    [
        ("postgres", "postgres: not reachable after 3 s: connection refused"),
        ("postgres", "FATAL:  the database system is starting up"),
        ("redis", "# WARNING Memory overcommit must be enabled"),
        ("duckdb", "duckdb: still in use after 0 s: Could not set lock on file"),
        ("elasticsearch", "elasticsearch: cluster health is red"),
        ("milvus", "milvus: collection not loaded"),
        ("minio", "minio: XMinioStorageFull"),
        ("oracle", "corrupt"),
    ],
)
def test_other_trouble_is_none(service: str, text: str) -> None:
    assert damage(service, text) is None


def test_the_command_names_the_set_and_the_engine_that_has_the_data() -> None:
    assert remedy("postgres", "prod", "20261122T020001.048213Z-0001") == (
        "./karen backup restore 20261122T020001.048213Z-0001 --only postgres --stack prod"
    )
    assert "--only milvus" in remedy("etcd", "dev", "x")
    assert remedy("redis", "dev", "").endswith("with one of ./karen backup list --stack dev")


@pytest.mark.parametrize(
    ("kind", "message"), [("Unexpected", SAID["postgres"][0]), (DAMAGED, "postgres: 2 reads of pages failed")]
)
def test_a_damaged_engine_is_told_at_once_and_never_restarted(kind: str, message: str) -> None:
    one = replace(failing("postgres"), answer=Answer(status=FAILED, kind=kind, message=message, fix=""))
    found = causes({"postgres": one}, {}, "dev", "20261122T020001.048213Z-0001")["postgres"]
    assert (found.code, found.restart, found.certain) == ("damaged", False, True)
    assert message in found.summary
    assert found.fix == "./karen backup restore 20261122T020001.048213Z-0001 --only postgres --stack dev"


def test_a_file_is_damaged_as_well() -> None:
    answer = Answer(status=FAILED, kind="Unexpected", message=SAID["duckdb"][0], fix="")
    found = causes({"duckdb": Observation(service="duckdb", answer=answer)}, {}, "dev")
    assert found["duckdb"].code == "damaged"


def test_a_full_disk_comes_before_what_it_damages() -> None:
    answer = Answer(status=FAILED, kind="Unexpected", message=f"No space left on device; {SAID['redis'][0]}", fix="")
    one = replace(failing("redis"), answer=answer, disk=Usage(used=88, limit=100))
    assert causes({"redis": one}, {}, "dev")["redis"].code == "full"


def test_a_damaged_duckdb_file_is_recognized_and_is_not_in_use(tmp_path: Path) -> None:
    path = tmp_path / "block.db"
    with duckdb.connect(str(path)) as connection:
        connection.execute("CREATE TABLE notes AS SELECT range FROM range(100000)")
    path.with_name("block.db.lease").touch()
    whole = path.read_bytes()
    flipped = bytearray(whole)
    flipped[20] ^= 0xFF
    for content in (bytes(flipped), whole[: len(whole) // 2], b"no database" * 1000):
        path.write_bytes(content)
        prober = Prober("duckdb", {"path": str(path)})
        prober.ask()
        until = time.monotonic() + 20
        while prober.pending and time.monotonic() < until:
            time.sleep(0.02)
        answer = prober.answer()
        assert answer.status == FAILED
        assert damage("duckdb", answer.message), answer
