"""What every channel can do, and how it says that it could not."""

import ssl
from typing import Protocol

from monitor.alerts.model import Notice

TIMEOUT_SECONDS = 10.0


class Undelivered(Exception):
    """A notice was not delivered. The message holds no secret: it is logged.

    `refused` says that the receiver refused this one notice, so that another one may well be delivered.
    """

    def __init__(self, message: str, *, refused: bool = False) -> None:
        super().__init__(message)
        self.refused = refused


class Channel(Protocol):
    """A way to people. It is called by one thread, which waits for it: every step inside has a time limit."""

    @property
    def name(self) -> str:
        """Return what it is called in logs, metrics and directories: lower-case letters, digits and dashes."""

    def send(self, notice: Notice) -> None:
        """Return once the receiver has taken the notice over; Undelivered if it has not."""


def reason(error: BaseException) -> str:
    """Return why a connection failed, in the system's words. A library's own words may quote an address with a token."""
    found: BaseException | None = error
    while found is not None:
        if isinstance(found, ssl.SSLCertVerificationError):
            return f"its certificate is not trusted: {found.verify_message}"
        if isinstance(found, TimeoutError):
            return "it did not answer in time"
        if isinstance(found, OSError) and found.strerror:
            return found.strerror
        found = found.__cause__ or found.__context__
    return type(error).__name__
