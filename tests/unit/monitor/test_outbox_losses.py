"""What cannot be delivered, written or read is given up only when it must be, and each loss is told."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from monitor.alerts.channels import WebhookChannel
from monitor.alerts.courier import Counts, Patience
from monitor.alerts.model import Notice
from tests.unit.monitor.boxes import files, mail_to, numbers, outbox
from tests.unit.monitor.notices import notice, now
from tests.unit.monitor.receivers import HOST, eventually, free_port, web


def test_what_is_too_old_is_given_up_and_told(tmp_path: Path) -> None:
    began = datetime.now(UTC) - timedelta(hours=24, minutes=1)
    old, long_known = notice(since=began), notice(since=began, after=120)
    with web() as receiver, capture_logs() as logs, outbox(tmp_path, WebhookChannel(receiver.url)) as box:
        box.put(old)
        box.put(long_known)
        eventually(lambda: box.counts()["webhook"] == Counts(delivered=1, failed=0, given_up=1, waiting=0))
        assert [Notice.parse(body) for body in receiver.bodies] == [long_known]
    assert [(log["event"], log["key"]) for log in logs] == [("an alert was given up: it is too old", "down/postgres")]


def test_of_too_many_the_oldest_events_go_first_and_are_told(tmp_path: Path) -> None:
    dead = WebhookChannel(f"http://{HOST}:{free_port()}/")
    events = [notice("event", since=datetime.now(UTC), summary=f"event {number}") for number in range(2)]
    with outbox(tmp_path, dead, patience=Patience(20, 20), most=3) as box, capture_logs() as logs:
        for one in [now(0), *events, now(1), now(2), now(3)]:
            box.put(one)
        assert (box.counts()["webhook"].given_up, box.counts()["webhook"].waiting) == (3, 3)
    lost = [log["waiting"] for log in logs if "too many" in log["event"]]
    assert lost == ["000000000002-event.json", "000000000003-event.json", "000000000001-firing.json"]
    with web() as receiver, outbox(tmp_path, WebhookChannel(receiver.url)) as box:
        eventually(lambda: box.counts()["webhook"].delivered == 3)
        assert receiver.summaries == ["number 1", "number 2", "number 3"]


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"{}", b"\xff"])
def test_a_broken_file_is_given_up_and_told_and_others_go_on(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "webhook").mkdir()
    (tmp_path / "webhook" / "000000000001-firing.json").write_bytes(content)
    (tmp_path / "webhook" / "notes.txt").write_text("not ours")
    with web() as receiver, capture_logs() as logs, outbox(tmp_path, WebhookChannel(receiver.url)) as box:
        box.put(now())
        eventually(lambda: box.counts()["webhook"] == Counts(delivered=1, failed=0, given_up=1, waiting=0))
    assert [log["event"] for log in logs] == ["an alert was given up: it is unreadable"]
    assert files(tmp_path) == ["notes.txt"]


def test_what_waits_for_a_channel_that_is_no_more_is_given_up_and_told(tmp_path: Path) -> None:
    with outbox(tmp_path, mail_to(free_port())) as box:
        box.put(now())
    with capture_logs() as logs, outbox(tmp_path):
        assert files(tmp_path) == []
    assert [(log["channel"], log["count"]) for log in logs if "count" in log] == [("mail", 1)]


def test_an_alert_needs_no_disk(tmp_path: Path) -> None:
    (tmp_path / "full").write_text("a file where the directory were")
    with web() as receiver, capture_logs() as logs, outbox(tmp_path / "full", WebhookChannel(receiver.url)) as box:
        receiver.statuses = [500]
        for number in range(2):
            box.put(now(number))
        eventually(lambda: box.counts()["webhook"] == Counts(delivered=2, failed=1, given_up=0, waiting=0))
        assert receiver.summaries == ["number 0", "number 0", "number 1"]
    assert [log["event"] for log in logs].count("an alert waits in memory only") == 2


def test_a_file_that_cannot_be_removed_is_delivered_once(tmp_path: Path) -> None:
    # What cannot be unlinked, also by root: a directory.
    with web() as receiver:
        receiver.answering.clear()
        with capture_logs() as logs, outbox(tmp_path, WebhookChannel(receiver.url)) as box:
            box.put(now(0))
            eventually(lambda: len(receiver.bodies) == 1)
            path = tmp_path / "webhook" / "000000000001-firing.json"
            path.unlink()
            path.mkdir()
            receiver.answering.set()
            box.put(now(1))
            eventually(lambda: box.counts()["webhook"] == Counts(delivered=2, failed=0, given_up=0, waiting=0))
        assert receiver.summaries == numbers(2)
    assert [log["event"] for log in logs] == ["an alert's file cannot be removed"]
