"""Notices by HTTP, at a real receiver, and never a word of the URL."""

import base64
import logging
import traceback

import pytest

from monitor.alerts.channels import Undelivered, WebhookChannel
from tests.unit.monitor.conftest import Certificates
from tests.unit.monitor.notices import notice
from tests.unit.monitor.receivers import HOST, free_port, web


def failure(channel: WebhookChannel) -> Undelivered:
    """Return why a notice was not delivered; nothing of it may tell the token."""
    with pytest.raises(Undelivered) as caught:
        channel.send(notice())
    told = "".join(traceback.format_exception(caught.value)) + repr(caught.value) + repr(channel)
    assert "T0KEN" not in told
    return caught.value


def test_a_receiver_gets_the_document_and_its_text_and_no_log_has_the_path(caplog: pytest.LogCaptureFixture) -> None:
    with web() as receiver, caplog.at_level(logging.DEBUG):
        WebhookChannel(receiver.url).send(notice())
    assert receiver.bodies == [{"text": notice().text(), **notice().document()}]
    assert receiver.headers[0]["content-type"] == "application/json"
    assert "authorization" not in receiver.headers[0]
    assert receiver.paths == ["/hook/T0KEN"]
    assert "T0KEN" not in caplog.text


def test_a_user_in_the_url_is_a_login() -> None:
    with web() as receiver:
        WebhookChannel(receiver.url.replace("//", "//us%C3%A9r:T0KEN%40x@")).send(notice())
    login = base64.b64encode("usér:T0KEN@x".encode()).decode()
    assert receiver.headers[0]["authorization"] == f"Basic {login}"


@pytest.mark.parametrize(("status", "refused"), [(500, False), (404, False), (400, True), (302, False)])
def test_another_answer_is_no_delivery_and_a_redirect_is_not_followed(status: int, refused: bool) -> None:
    with web() as receiver:
        receiver.statuses = [status]
        error = failure(WebhookChannel(receiver.url))
        assert len(receiver.bodies) == 1
    assert str(error) == f"webhook at {HOST}: it answered {status}"
    assert error.refused == refused


def test_every_2xx_is_a_delivery() -> None:
    with web() as receiver:
        receiver.statuses = [204]
        WebhookChannel(receiver.url).send(notice())
    assert len(receiver.bodies) == 1


def test_a_receiver_that_is_down_or_silent_is_told() -> None:
    assert str(failure(WebhookChannel(f"http://{HOST}:{free_port()}/T0KEN"))).endswith("Connection refused")
    with web() as receiver:
        receiver.answering.clear()
        assert str(failure(WebhookChannel(receiver.url, timeout=0.2))).endswith("it did not answer in time")
    error = failure(WebhookChannel("http://receiver.invalid/T0KEN", timeout=5))
    assert str(error).startswith("webhook at receiver.invalid: ")


def test_only_a_trusted_certificate_of_the_right_name_is_accepted(certificates: Certificates) -> None:
    with web(tls=certificates.good) as receiver:
        WebhookChannel(receiver.url).send(notice())
        assert len(receiver.bodies) == 1
    for context in (certificates.other, certificates.misnamed):
        with web(tls=context) as receiver:
            assert "its certificate is not trusted" in str(failure(WebhookChannel(receiver.url)))
            assert receiver.bodies == []


@pytest.mark.parametrize("url", ["", "T0KEN", "ftp://host/T0KEN", "https:///T0KEN", "http://[T0KEN", "http://h:T0KEN/"])
def test_what_is_no_url_is_refused_without_being_quoted(url: str) -> None:
    with pytest.raises(ValueError, match="not of the form https://host/path") as caught:
        WebhookChannel(url)
    assert "T0KEN" not in str(caught.value)
