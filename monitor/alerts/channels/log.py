"""Notices as JSON lines on standard output, where `docker logs` and log collectors find them."""

import sys
from typing import TextIO

import structlog

from monitor.alerts.channels.base import Undelivered
from monitor.alerts.model import Notice


class LogChannel:
    """One line a notice: its document, its text, and the level that it has for people."""

    name = "log"

    def __init__(self, stream: TextIO | None = None) -> None:
        """`stream` is standard output by default."""
        # It has its own format, whatever the rest of the process logs like: machines read these lines.
        self._log = structlog.wrap_logger(
            structlog.PrintLogger(stream or sys.stdout),
            processors=[
                structlog.processors.add_log_level,
                structlog.processors.TimeStamper(fmt="iso", utc=True),
                structlog.processors.JSONRenderer(),
            ],
            wrapper_class=structlog.BoundLogger,
        )

    def send(self, notice: Notice) -> None:
        """Print the notice; Undelivered if nobody reads standard output any more."""
        level = "info" if notice.state == "resolved" else notice.condition.severity
        try:
            getattr(self._log, level)("alert", text=notice.text(), **notice.document())
        except (OSError, ValueError) as error:
            raise Undelivered(f"standard output: {type(error).__name__}") from None
