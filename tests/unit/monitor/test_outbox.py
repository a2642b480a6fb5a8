"""What was put is delivered, in order, whatever happens to a receiver; and each loss is told."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from monitor.alerts.channels import Channel, MailChannel, WebhookChannel
from monitor.alerts.courier import Counts, Patience
from monitor.alerts.model import Notice
from monitor.alerts.outbox import Outbox
from tests.unit.monitor.notices import notice, now
from tests.unit.monitor.receivers import HOST, eventually, free_port, mail, web

QUICK = Patience(first=0.01, longest=0.1)


@contextmanager
def outbox(directory: Path, *channels: Channel, patience: Patience = QUICK, most: int = 1000) -> Iterator[Outbox]:
    found = Outbox(directory, channels, patience=patience, most=most)
    try:
        yield found
    finally:
        found.close(5)


def mail_to(port: int) -> MailChannel:
    return MailChannel(HOST, port, security="none", sender="a@example.org", recipients=["b@example.org"])


def files(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.rglob("*") if path.is_file())


def numbers(count: int) -> list[str]:
    return [f"number {number}" for number in range(count)]


def test_every_channel_gets_every_notice_in_order_and_nothing_stays(tmp_path: Path) -> None:
    with (
        web() as receiver,
        mail() as server,
        outbox(tmp_path, WebhookChannel(receiver.url), mail_to(server.port)) as box,
    ):
        for number in range(5):
            box.put(now(number))
        done = Counts(delivered=5, failed=0, given_up=0, waiting=0)
        eventually(lambda: box.counts() == {"webhook": done, "mail": done})
        assert receiver.summaries == numbers(5)
        assert len(server.envelopes) == 5
    assert files(tmp_path) == []


def test_a_receiver_that_comes_back_gets_all_once_in_order(tmp_path: Path) -> None:
    with web() as receiver:
        port = int(receiver.url.split(":")[2].split("/")[0])
    with outbox(tmp_path, WebhookChannel(receiver.url)) as box:
        for number in range(5):
            box.put(now(number))
        eventually(lambda: box.counts()["webhook"].failed >= 3)
        assert box.counts()["webhook"].waiting == 5
        with web(port, state=receiver):
            eventually(lambda: box.counts()["webhook"].waiting == 0)
    assert receiver.summaries == numbers(5)


def test_a_mail_server_that_comes_back_gets_all_once(tmp_path: Path) -> None:
    port = free_port()
    with outbox(tmp_path, mail_to(port)) as box:
        box.put(now())
        eventually(lambda: box.counts()["mail"].failed >= 2)
        with mail(port=port) as server:
            eventually(lambda: box.counts()["mail"].delivered == 1)
            assert len(server.envelopes) == 1


def test_after_an_error_of_the_receiver_the_same_notice_comes_again_first(tmp_path: Path) -> None:
    with web() as receiver:
        receiver.statuses = [500, 503]
        with outbox(tmp_path, WebhookChannel(receiver.url)) as box, capture_logs() as logs:
            for number in range(2):
                box.put(now(number))
            eventually(lambda: box.counts()["webhook"] == Counts(delivered=2, failed=2, given_up=0, waiting=0))
        assert receiver.summaries == ["number 0", "number 0", "number 0", "number 1"]
        assert [log["error"] for log in logs] == [f"webhook at {HOST}: it answered {status}" for status in (500, 503)]
        assert "T0KEN" not in str(logs)


def test_pauses_grow_up_to_the_longest(tmp_path: Path) -> None:
    with web() as receiver:
        receiver.statuses = [500] * 11
        with outbox(tmp_path, WebhookChannel(receiver.url), patience=Patience(first=0.02, longest=0.1)) as box:
            box.put(now())
            # Were there no longest one, the eleven pauses took 40 seconds.
            eventually(lambda: box.counts()["webhook"].delivered == 1)
        pauses = [later - earlier for earlier, later in pairwise(receiver.times)]
    least = [0.02, 0.04, 0.08, *[0.1] * 8]
    assert [pause >= wanted for pause, wanted in zip(pauses, least, strict=True)] == [True] * 11


def test_new_notices_do_not_shorten_the_pause_of_a_receiver_that_is_down(tmp_path: Path) -> None:
    with outbox(tmp_path, WebhookChannel(f"http://{HOST}:{free_port()}/"), patience=Patience(20, 20)) as box:
        box.put(now(0))
        eventually(lambda: box.counts()["webhook"].failed == 1)
        for number in range(5):
            box.put(now(number))
        time.sleep(0.2)
        assert box.counts()["webhook"].failed == 1


def test_a_notice_that_is_refused_holds_up_no_other_one(tmp_path: Path) -> None:
    with web() as receiver:
        receiver.statuses = [422]
        with outbox(tmp_path, WebhookChannel(receiver.url), patience=Patience(first=20, longest=20)) as box:
            box.put(now(0))
            eventually(lambda: box.counts()["webhook"].failed == 1)
            receiver.statuses = [422, 200, 422]
            box.put(now(1))
            eventually(lambda: box.counts()["webhook"] == Counts(delivered=1, failed=3, given_up=0, waiting=1))
        assert receiver.summaries == ["number 0", "number 0", "number 1", "number 0"]
    assert len(files(tmp_path)) == 1


def test_a_silent_channel_holds_up_no_other_one_and_not_the_end(tmp_path: Path) -> None:
    with web() as silent, mail() as server:
        silent.answering.clear()
        box = Outbox(tmp_path, [WebhookChannel(silent.url, timeout=20), mail_to(server.port)], patience=QUICK)
        for number in range(3):
            box.put(now(number))
        eventually(lambda: box.counts()["mail"].delivered == 3, seconds=5)
        begin = time.monotonic()
        box.close(0.2)
        assert 0.1 < time.monotonic() - begin < 2
        assert box.counts()["webhook"].waiting == 3


def test_a_restart_goes_on_and_closing_ends_the_threads(tmp_path: Path) -> None:
    with outbox(tmp_path, WebhookChannel(f"http://{HOST}:{free_port()}/"), patience=Patience(20, 20)) as box:
        for number in range(3):
            box.put(now(number))
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("alerts-")]
    (tmp_path / "webhook" / ".new-000000000009-firing.json").write_text("{")
    with web() as receiver, outbox(tmp_path, WebhookChannel(receiver.url)) as box:
        box.put(now(3))
        eventually(lambda: box.counts()["webhook"].delivered == 4)
        assert receiver.summaries == numbers(4)
    assert files(tmp_path) == []


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
        eventually(lambda: box.counts()["webhook"].delivered == 2)
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


class Broken:
    """A channel with a fault of its own, whose error holds a secret."""

    name = "broken"

    def send(self, notice: Notice) -> None:
        if notice.condition.summary == "number 0":
            raise RuntimeError("T0KEN")


def test_a_channel_s_own_fault_neither_ends_the_thread_nor_tells_a_secret(tmp_path: Path) -> None:
    with capture_logs() as logs, outbox(tmp_path, Broken()) as box:
        box.put(now(0))
        box.put(now(1))
        eventually(lambda: box.counts()["broken"].delivered == 1 and box.counts()["broken"].failed >= 2)
    assert {log["error"] for log in logs} == {"RuntimeError"}


class Named:
    """A channel with any name."""

    def __init__(self, name: str) -> None:
        self.name = name

    def send(self, notice: Notice) -> None:
        """Take it."""


@pytest.mark.parametrize("names", [["a", "a"], ["../a"], [""], ["A"]])
def test_names_are_those_of_directories_and_differ(tmp_path: Path, names: list[str]) -> None:
    with pytest.raises(ValueError, match="each name once"):
        Outbox(tmp_path, [Named(name) for name in names])
