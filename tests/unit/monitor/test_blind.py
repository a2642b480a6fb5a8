"""A container engine that takes connections and never answers: the monitor goes on looking at everything else, and tells."""

import json
import os
import socket
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from backup.archive_state import ArchiveState
from backup.service import status as status_file
from backup.service.status import Outcome, Status
from components.settings import Settings
from init.engines.base import PATIENCE_SECONDS, set_patience
from monitor import observer, rules, store, worker
from monitor.configuration import Configuration
from monitor.leases import LEASES, Lease
from monitor.model import MAINTENANCE
from monitor.observer import Observer
from monitor.watchdog import SILENCE_SECONDS
from monitor.worker import BEAT_SECONDS, Worker

# What a round may take, with a margin for this machine.
_ROUND_SECONDS = 12.0


@pytest.fixture
def configuration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Configuration]:
    """A stack of one server, which refuses connections, behind a proxy that is mute."""
    path = tmp_path / "engine.sock"
    monkeypatch.setattr(observer, "SOCKET", f"unix://{path}")
    set_patience(0.2)
    with closing(socket.socket(socket.AF_UNIX)) as mute, closing(socket.socket()) as refusing:
        mute.bind(str(path))
        mute.listen(64)
        refusing.bind(("127.0.0.1", 0))
        connection = {
            "host": "127.0.0.1",
            "port": refusing.getsockname()[1],
            "user": "a",
            "password": "b",
            "database": "c",
        }
        yield Configuration(
            stack="dev",
            networks={"postgres": ["net"]},
            engines={"postgres": connection},
            containers={"postgres": "dev-postgres"},
            waits={},
            interval=2,
            port=0,
        )
    set_patience(PATIENCE_SECONDS)


@contextmanager
def working(configuration: Configuration, directory: Path, reason: str = "") -> Iterator[tuple[Worker, int]]:
    """A worker, and the descriptor on which its beats arrive."""
    beats, ours = os.pipe()
    one = Worker(configuration, ours, reason, operations=directory)
    try:
        yield one, beats
    finally:
        one._telling.close()
        os.close(beats)
        os.close(ours)


def test_a_look_ends_in_a_few_seconds(configuration: Configuration) -> None:
    looking = Observer(configuration)
    began = time.monotonic()
    seen = looking.look()["postgres"]
    assert time.monotonic() - began < _ROUND_SECONDS
    assert looking.blind is not None
    assert seen.container is None
    assert not seen.answer.good
    # What somebody works on is not asked at all.
    assert looking.look({"postgres"})["postgres"].answer.status == MAINTENANCE


def test_rounds_go_on_and_the_alert_comes(
    configuration: Configuration, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rules, "_DOWN_AFTER", rules._DOWN_AFTER / 10)
    with working(configuration, tmp_path) as (watching, _):
        for _ in range(2):
            watching._round()
    sample = json.loads((tmp_path / store.DIRECTORY / store.SAMPLE).read_text())
    assert "engine" in {one["key"] for one in sample["alerts"]}
    assert sample["services"]["postgres"]["status"] == "failed"


def test_a_round_tells_of_backups_unless_somebody_works_on_them(configuration: Configuration, tmp_path: Path) -> None:
    def alerts() -> set[str]:
        watching._round()
        sample = json.loads((tmp_path / store.DIRECTORY / store.SAMPLE).read_text())
        return {one["key"] for one in sample["alerts"]} & {"backup-failed", "wal-lag"}

    (tmp_path / "backups").mkdir()
    failed = Outcome(trigger="schedule", began=1.0, ended=2.0, state="failed", error={"message": "full", "fix": "so"})
    status = Status(at=time.time(), last=failed, archive=ArchiveState(lag_seconds=400.0))
    status_file.write(status, tmp_path / "backups")
    with working(replace(configuration, backups=True), tmp_path) as (watching, _):
        assert alerts() == {"backup-failed", "wal-lag"}
        lease = Lease(id="a", holder="b", command="./karen backup restore")
        store.write(tmp_path / LEASES, "a.json", lease.document())
        assert alerts() == {"backup-failed"}


def test_that_it_was_started_again_is_kept_before_the_first_round(
    configuration: Configuration, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of five workers that all end in their first round, the first tells."""
    told = []
    monkeypatch.setattr("monitor.alerts.outbox.Outbox.put", lambda _, notice: told.append(notice.condition.key))
    monkeypatch.setattr(Worker, "_round", lambda _: (_ for _ in ()).throw(RuntimeError))
    monkeypatch.setattr("monitor.metrics.Metrics.serve", lambda *_: None)
    monkeypatch.setattr(Observer, "prepare", lambda _: None)
    monkeypatch.setattr("monitor.ledgers.Ledgers.begin", lambda _: None)
    for number in range(5):
        with working(configuration, tmp_path, "hung") as (one, _), pytest.raises(RuntimeError):
            one.run()
        assert told == ["monitor/restarted"], number


def test_no_wait_and_no_round_is_as_long_as_the_watchdog_waits() -> None:
    interval = next(one.le for one in Settings.model_fields["monitoring_interval"].metadata if hasattr(one, "le"))
    assert interval < SILENCE_SECONDS
    assert BEAT_SECONDS + _ROUND_SECONDS < SILENCE_SECONDS


def test_it_beats_while_it_waits(configuration: Configuration, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "BEAT_SECONDS", 0.1)
    with working(configuration, tmp_path) as (one, beats):
        one._wait(time.monotonic() + 0.55)
        assert len(os.read(beats, 100)) >= 5
