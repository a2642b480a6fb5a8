"""Notices by mail, at a real server, in conversations."""

import socket
import traceback
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

import pytest
from structlog.testing import capture_logs

from monitor.alerts.channels import MailChannel, Undelivered
from tests.unit.monitor.conftest import Certificates
from tests.unit.monitor.notices import notice
from tests.unit.monitor.receivers import HOST, PASSWORD, USER, Mail, free_port, mail


def channel(port: int, **changes: Any) -> MailChannel:
    settings: dict[str, Any] = {"sender": "Monitor <monitor@example.org>", "recipients": ["ops@example.org"]}
    return MailChannel(HOST, port, **{**settings, "security": "none", **changes})


def with_login(port: int, security: str, password: str = PASSWORD) -> MailChannel:
    return channel(port, security=security, user=USER, password=password)


def messages(server: Mail) -> list[EmailMessage]:
    return [message_from_bytes(one.original_content or b"", policy=policy.default) for one in server.envelopes]


def failure(of: MailChannel) -> Undelivered:
    """Return why a notice was not delivered; nothing of it may tell the password."""
    with pytest.raises(Undelivered) as caught:
        of.send(notice())
    told = "".join(traceback.format_exception(caught.value)) + repr(caught.value) + repr(of)
    assert PASSWORD not in told
    return caught.value


def test_a_message_has_the_text_as_its_subject_and_all_facts_and_goes_to_everybody() -> None:
    with mail() as server:
        channel(server.port, recipients=["ops@example.org", "Boss <boss@example.org>"]).send(notice())
    (envelope,), (message,) = server.envelopes, messages(server)
    assert (envelope.mail_from, envelope.rcpt_tos) == ("monitor@example.org", ["ops@example.org", "boss@example.org"])
    # Python's parser keeps the space that a folded line begins with.
    assert message["Subject"].strip() == notice().text()
    assert message["Date"].datetime == notice().at
    assert message["Auto-Submitted"] == "auto-generated"
    lines = message.get_content().splitlines()
    assert lines[0] == notice().text()
    assert {"key: down/postgres", "since: 2026-03-01T12:00:00+00:00", "severity: critical"} <= set(lines)


def test_what_follows_is_an_answer_to_the_first_notice_and_every_message_has_its_name() -> None:
    notices = [notice(), notice(after=60), notice("resolved", after=90), notice(key="disk/postgres"), notice("event")]
    with mail() as server:
        for one in notices:
            channel(server.port).send(one)
        channel(server.port).send(notices[2])
    first, worse, resolved, other, event, duplicate = messages(server)
    assert "In-Reply-To" not in first
    assert worse["In-Reply-To"] == resolved["In-Reply-To"] == resolved["References"] == first["Message-ID"]
    assert first["Message-ID"].endswith("@example.org>")
    assert "In-Reply-To" not in other
    assert "In-Reply-To" not in event
    assert len({one["Message-ID"] for one in (first, worse, resolved, other)}) == 4
    assert duplicate["Message-ID"] == resolved["Message-ID"]


def test_a_summary_of_any_kind_becomes_a_message() -> None:
    strange = f"größer\r\nBcc: eve@example.org {'x' * 400}"
    with mail() as server:
        channel(server.port).send(notice(summary=strange, service=None))
    (message,) = messages(server)
    assert "Bcc" not in message
    assert (len(message["Subject"].strip()), message["Subject"][-1]) == (200, "…")
    assert "größer" in message["Subject"]
    assert server.envelopes[0].rcpt_tos == ["ops@example.org"]


@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_with_tls_it_logs_in_and_a_wrong_password_or_certificate_is_told(
    certificates: Certificates, security: str
) -> None:
    with mail(**{security: certificates.good}) as server:  # type: ignore[arg-type]
        with_login(server.port, security).send(notice())
        assert len(server.envelopes) == 1
        wrong = failure(with_login(server.port, security, password=f"{PASSWORD}!"))
        assert str(wrong) == f"mail server {HOST}:{server.port}: it refuses the login (535)"
    for context in (certificates.other, certificates.misnamed):
        with mail(**{security: context}) as server:  # type: ignore[arg-type]
            assert "its certificate is not trusted" in str(failure(with_login(server.port, security)))
            assert server.envelopes == []


def test_a_server_without_starttls_gets_nothing() -> None:
    with mail() as server:
        error = failure(channel(server.port, security="starttls"))
        assert "STARTTLS extension not supported" in str(error)
        assert server.envelopes == []


@pytest.mark.parametrize(("answer", "refused"), [("451 later", False), ("554 no spam here", True)])
def test_a_message_that_is_not_taken_is_told_with_the_server_s_words(answer: str, refused: bool) -> None:
    with mail() as server:
        server.answers = [answer]
        error = failure(channel(server.port))
        assert str(error).endswith(f"it answered {answer}")
        assert error.refused == refused


def test_a_message_that_somebody_gets_is_delivered_and_one_that_nobody_gets_is_not() -> None:
    with mail() as server:
        server.refused = {"gone@example.org"}
        with capture_logs() as logs:
            channel(server.port, recipients=["gone@example.org", "ops@example.org"]).send(notice())
        assert [log["recipients"] for log in logs] == [["gone@example.org"]]
        assert len(server.envelopes) == 1
        error = failure(channel(server.port, recipients=["gone@example.org"]))
        assert str(error).endswith("it refuses every recipient (550)")
        assert not error.refused


def test_a_server_that_is_down_or_silent_is_told() -> None:
    assert str(failure(channel(free_port()))).endswith("Connection refused")
    with socket.create_server((HOST, 0)) as silent:
        error = failure(channel(silent.getsockname()[1], timeout=0.2))
        assert str(error).endswith("it did not answer in time")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"security": "ssl"}, "security is 'ssl'; allowed: starttls, tls, none"),
        ({"user": USER, "password": PASSWORD}, "a password is sent over TLS only"),
        ({"security": "tls", "user": USER, "password": f"{PASSWORD}ß"}, "a character that is not ASCII"),
        ({"recipients": []}, "needs a sender and recipients"),
        ({"recipients": ["ops"]}, "needs a sender and recipients"),
        ({"sender": "monitor"}, "needs a sender and recipients"),
    ],
)
def test_what_cannot_work_is_refused_without_quoting_the_password(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words) as caught:
        channel(25, **changes)
    assert PASSWORD not in str(caught.value)
