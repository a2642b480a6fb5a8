"""What is stored in a DuckDB file is read on with every look, so that damage is met that no query has met; and by `karen health`."""

import time
from pathlib import Path

import duckdb
import pytest

from init.health import health
from monitor import prober
from monitor.corruption import damage
from monitor.model import FAILED, Answer
from monitor.prober import Prober

_HEADERS, _BLOCK = 3 * 4096, 262_144


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A file with a table of some blocks; the last ones are the second table's."""
    path = tmp_path / "karen.db"
    with duckdb.connect(str(path)) as connection:
        connection.execute("CREATE TABLE early AS SELECT range AS n, md5(range::text) AS t FROM range(40_000)")
        connection.execute("CREATE TABLE later AS SELECT range AS n, md5(range::text) AS t FROM range(40_000)")
    path.with_name("karen.db.lease").touch()
    return path


def damaged(file: Path) -> None:
    """Flip a byte in the last block of the second table."""
    with duckdb.connect(str(file), read_only=True) as connection:
        told = connection.execute("SELECT max(block_id) FROM pragma_storage_info('later') WHERE persistent").fetchone()
    assert told
    with file.open("r+b") as stream:
        stream.seek(_HEADERS + told[0] * _BLOCK + 1000)
        byte = stream.read(1)
        stream.seek(-1, 1)
        stream.write(bytes([byte[0] ^ 1]))


def asked(one: Prober) -> Answer:
    one.ask()
    until = time.monotonic() + 20
    while one.pending and time.monotonic() < until:
        time.sleep(0.01)
    return one.answer()


def test_the_monitor_meets_damage_within_some_looks(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # One part of a table with every look.
    monkeypatch.setattr(prober, "_EXAMINE_SECONDS", 0.0)
    one, looks = Prober("duckdb", {"path": str(file)}), 0
    assert asked(one).good
    while one.examined is not None:
        assert asked(one).good
        looks += 1
    assert looks > 5
    damaged(file)
    answers = [asked(one)]
    while answers[-1].good and len(answers) < 2 * looks:
        answers.append(asked(one))
    assert len(answers) > 5
    assert answers[-1].status == FAILED
    assert damage("duckdb", answers[-1].message)
    # It stays so.
    assert not asked(one).good


def test_the_time_of_reading_is_no_latency(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from init.engines.duckdb import Driver

    monkeypatch.setattr(Driver, "examine", lambda *_: time.sleep(1.0))
    answer = asked(Prober("duckdb", {"path": str(file)}))
    assert answer.latency is not None
    assert answer.latency < 0.9


def test_health_reads_what_is_stored(file: Path) -> None:
    request = {"engines": {"duckdb": {"path": str(file)}}}
    assert health(request)["engines"]["duckdb"]["status"] == "healthy"
    damaged(file)
    answer = health(request)["engines"]["duckdb"]
    assert answer["status"] == "failed"
    assert damage("duckdb", answer["error"]["message"]) == answer["error"]["message"]
