"""Notices by mail: one conversation a condition, from its first notice to its end."""

import hashlib
import smtplib
import ssl
from collections.abc import Sequence
from contextlib import closing, suppress
from datetime import datetime
from email.message import EmailMessage
from email.utils import format_datetime, parseaddr
from typing import Literal, get_args

import structlog

from monitor.alerts import fields
from monitor.alerts.channels.base import TIMEOUT_SECONDS, Undelivered, reason
from monitor.alerts.model import Notice

Security = Literal["starttls", "tls", "none"]
_SUBJECT_CHARACTERS = 200
_log = structlog.get_logger()


class MailChannel:
    """A mail server that takes our messages over. With TLS, its certificate is checked."""

    name = "mail"

    def __init__(
        self,
        host: str,
        port: int,
        *,
        sender: str,
        recipients: Sequence[str],
        security: Security = "starttls",
        user: str = "",
        password: str = "",
        timeout: float = TIMEOUT_SECONDS,
    ) -> None:
        """Without `user` there is no login; `timeout` in seconds is for each step; ValueError on what cannot work."""
        if security not in get_args(Security):
            raise ValueError(f"the mail server's security is {security!r}; allowed: {', '.join(get_args(Security))}")
        if user and security == "none":
            raise ValueError("the mail server's security is 'none', and a password is sent over TLS only")
        if not (user + password).isascii():
            raise ValueError(
                "the mail server's user or password has a character that is not ASCII, which a login cannot send"
            )
        if not recipients or not all("@" in parseaddr(address)[1] for address in (sender, *recipients)):
            raise ValueError("the mail server needs a sender and recipients, each an address such as ops@example.org")
        self._host, self._port, self._security = host, port, security
        self._user, self._password = user, password
        self._sender, self._recipients = sender, tuple(recipients)
        self._timeout = timeout

    def __repr__(self) -> str:
        return f"MailChannel({self._host!r}, {self._port})"

    def send(self, notice: Notice) -> None:
        """Hand the notice to the server, for all recipients at once; Undelivered if it takes it for none of them."""
        message = self.message(notice)
        try:
            with closing(self._connect()) as server:
                self._log_in(server)
                refused = server.send_message(message)
                # The server has it: what goes wrong from here on is no reason to send it again.
                with suppress(smtplib.SMTPException, OSError):
                    server.quit()
        except (smtplib.SMTPException, OSError) as error:
            raise Undelivered(
                f"mail server {self._host}:{self._port}: {_told(error)}", refused=_is_refusal(error)
            ) from None
        if refused:
            _log.warning("mail was refused for some", channel=self.name, recipients=sorted(refused))

    def message(self, notice: Notice) -> EmailMessage:
        """Return the notice as a message. What follows a condition's first notice is an answer to it."""
        message = EmailMessage()
        text = notice.text()
        message["Subject"] = text if len(text) <= _SUBJECT_CHARACTERS else f"{text[: _SUBJECT_CHARACTERS - 1]}…"
        message["From"], message["To"] = self._sender, ", ".join(self._recipients)
        message["Date"] = format_datetime(notice.at)
        first = self._identifier(notice, "firing", notice.since)
        message["Message-ID"] = first if notice.first else self._identifier(notice, notice.state, notice.at)
        if not notice.first:
            message["In-Reply-To"] = message["References"] = first
        message["Auto-Submitted"] = "auto-generated"
        told = {**notice.document(), "service": notice.condition.service or "–"}
        message.set_content("\n".join([text, "", *(f"{name}: {value}" for name, value in told.items())]))
        return message

    def _identifier(self, notice: Notice, state: str, at: datetime) -> str:
        """Return the same Message-ID whenever the same notice is sent, so that a duplicate can be recognized."""
        parts = (notice.stack, notice.condition.key, fields.iso(notice.since), state, fields.iso(at))
        domain = parseaddr(self._sender)[1].rpartition("@")[2]
        return f"<{hashlib.sha256(chr(0).join(parts).encode()).hexdigest()[:32]}@{domain}>"

    def _connect(self) -> smtplib.SMTP:
        """Return a connection on which TLS, if it is wanted, is established."""
        if self._security == "tls":
            context = ssl.create_default_context()
            return smtplib.SMTP_SSL(self._host, self._port, timeout=self._timeout, context=context)
        server = smtplib.SMTP(self._host, self._port, timeout=self._timeout)
        if self._security == "starttls":
            try:
                server.starttls(context=ssl.create_default_context())
            except BaseException:
                server.close()
                raise
        return server

    def _log_in(self, server: smtplib.SMTP) -> None:
        if self._user:
            server.login(self._user, self._password)


def _is_refusal(error: Exception) -> bool:
    """Whether the server does not want this message, and would not want it later either."""
    return isinstance(error, smtplib.SMTPDataError) and error.smtp_code >= 500


def _told(error: Exception) -> str:
    """Return what the server said. After a login that is its code alone: some servers quote what they were sent."""
    if isinstance(error, smtplib.SMTPAuthenticationError):
        return f"it refuses the login ({error.smtp_code})"
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        return f"it refuses every recipient ({', '.join(sorted({str(code) for code, _ in error.recipients.values()}))})"
    if isinstance(error, smtplib.SMTPResponseException):
        words = error.smtp_error.decode(errors="replace") if isinstance(error.smtp_error, bytes) else error.smtp_error
        return f"it answered {error.smtp_code} {words}"[:200]
    if isinstance(error, smtplib.SMTPNotSupportedError):
        return str(error)
    return reason(error)
