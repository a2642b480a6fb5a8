"""Outboxes of tests, and what they leave on disk."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from monitor.alerts.channels import Channel, MailChannel
from monitor.alerts.courier import Patience
from monitor.alerts.outbox import Outbox
from tests.unit.monitor.receivers import HOST

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
