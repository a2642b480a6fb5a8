"""A process killed at any moment loses nothing that it had taken over."""

import subprocess
import sys
from pathlib import Path

import pytest

from monitor.alerts.channels import WebhookChannel
from monitor.alerts.outbox import Outbox
from tests.unit.monitor.receivers import Web, eventually, web

ROOT = Path(__file__).resolve().parents[3]


def killed(directory: Path, url: str, *, puts: int, after: int) -> int:
    """Run a process that puts so many notices, kill it once it has put `after`; return how many it had put."""
    command = [sys.executable, "-m", "tests.unit.monitor.putting", str(directory), url, str(puts)]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        for line in process.stdout:
            if int(line) + 1 == after:
                break
    finally:
        process.kill()
    rest = process.stdout.read()
    process.stdout.close()
    assert process.wait() == -9
    return after + sum(line.endswith("\n") for line in rest.splitlines(keepends=True))


def deliver_the_rest(directory: Path, receiver: Web) -> None:
    outbox = Outbox(directory, [WebhookChannel(receiver.url)])
    eventually(lambda: outbox.counts()["webhook"].waiting == 0)
    outbox.close(5)


def test_killed_between_writing_and_delivery(tmp_path: Path) -> None:
    with web() as receiver:
        receiver.answering.clear()
        assert killed(tmp_path, receiver.url, puts=20, after=20) == 20
        # The receiver got the first, and its answer did not get back: the one case of a duplicate.
        before = list(receiver.summaries)
        receiver.answering.set()
        deliver_the_rest(tmp_path, receiver)
        assert before == ["number 0"]
        assert receiver.summaries == [*before, *(f"number {number}" for number in range(20))]


@pytest.mark.parametrize("after", [1, 7, 40])
def test_killed_at_any_moment(tmp_path: Path, after: int) -> None:
    with web() as receiver:
        put = killed(tmp_path, receiver.url, puts=1000, after=after)
        deliver_the_rest(tmp_path, receiver)
        found = receiver.summaries
        assert {f"number {number}" for number in range(put)} <= set(found)
        # What it was about to say when it was killed may be there, and one may be there twice.
        assert len(set(found)) <= put + 1
        assert len(found) - len(set(found)) <= 1
        assert list(dict.fromkeys(found)) == [f"number {number}" for number in range(len(set(found)))]
