"""What is wrong, told: conditions become notices, and notices go out."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from monitor.alerts.book import Book
from monitor.alerts.channels import Channel, LogChannel, MailChannel, WebhookChannel
from monitor.alerts.model import Condition
from monitor.alerts.outbox import Outbox
from monitor.configuration import Configuration
from monitor.metrics import Metrics

_DIRECTORY = "outbox"
_CLOSE_SECONDS = 5.0


class Telling:
    """The open alerts of a stack, and everybody who is told of them."""

    def __init__(
        self, configuration: Configuration, directory: Path, kept: Mapping[str, Any] | None, metrics: Metrics
    ) -> None:
        """`kept` is what an earlier one returned as its `document`."""
        self._book = Book.parse(kept, configuration.stack)
        self._outbox = Outbox(directory / _DIRECTORY, _channels(configuration))
        self._metrics = metrics

    def update(self, conditions: Iterable[Condition], now: datetime) -> None:
        """Tell what is new, and what is over."""
        found = list(conditions)
        for notice in self._book.update(found, now):
            self._outbox.put(notice)
        for severity in ("warning", "critical"):
            self._metrics.firing.labels(severity).set(sum(one.severity == severity for one in found))
        self._metrics.deliveries(self._outbox.counts())

    def event(self, key: str, service: str | None, summary: str, fix: str) -> None:
        """Tell what has just happened."""
        notice = self._book.event(Condition(key, "warning", service, summary, fix), datetime.now(UTC))
        if notice is not None:
            self._outbox.put(notice)

    def document(self) -> dict[str, Any]:
        """Return what is open, so that a later one neither repeats nor forgets it."""
        return self._book.document()

    def close(self) -> None:
        """Deliver what can be at once; the rest waits for the next start."""
        self._outbox.close(_CLOSE_SECONDS)


def _channels(configuration: Configuration) -> list[Channel]:
    channels: list[Channel] = [LogChannel()]
    if configuration.webhook:
        channels.append(WebhookChannel(configuration.webhook))
    if configuration.mail:
        channels.append(MailChannel(**configuration.mail))
    return channels
