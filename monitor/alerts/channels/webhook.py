"""Notices by HTTP POST, in the form that Slack, Mattermost and the like take."""

import logging
from urllib.parse import unquote

import urllib3
from urllib3.exceptions import HTTPError

from monitor.alerts.channels.base import TIMEOUT_SECONDS, Undelivered, reason
from monitor.alerts.model import Notice

# What answers like this has understood us, and does not want this notice.
_REFUSED = (400, 413, 422)


class WebhookChannel:
    """A receiver at an http or https URL. The URL is a secret: nothing but its host is ever told."""

    name = "webhook"

    def __init__(self, url: str, timeout: float = TIMEOUT_SECONDS) -> None:
        """`timeout` in seconds is for the connection and for the answer; ValueError if `url` is no URL."""
        try:
            parsed = urllib3.util.parse_url(url)
        except HTTPError:
            # The library's message quotes the URL.
            parsed = urllib3.util.Url()
        if parsed.scheme not in ("http", "https") or not parsed.host:
            raise ValueError("the webhook's URL is not of the form https://host/path")
        self._url = url
        self._host = parsed.host
        self._headers = {"User-Agent": "ai-karen-db"}
        if parsed.auth:
            # The header is made of the bytes as they are, as latin-1.
            self._headers |= urllib3.util.make_headers(basic_auth=unquote(parsed.auth, encoding="latin-1"))
        self._pool = urllib3.PoolManager(
            retries=False, timeout=urllib3.Timeout(connect=timeout, read=timeout), num_pools=1
        )
        # It logs the path of every request, which often is the token.
        logging.getLogger("urllib3.connectionpool").setLevel(logging.INFO)

    def __repr__(self) -> str:
        return f"WebhookChannel({self._host!r})"

    def send(self, notice: Notice) -> None:
        """Post the notice's document with its `text`; an answer of 2xx is delivered, a redirect is not."""
        body = {"text": notice.text(), **notice.document()}
        try:
            answer = self._pool.request(
                "POST", self._url, json=body, headers=self._headers, redirect=False, preload_content=False
            )
            # What the body says does not matter, however long it is.
            answer.close()
        except (HTTPError, OSError) as error:
            raise Undelivered(f"webhook at {self._host}: {reason(error)}") from None
        if not 200 <= answer.status < 300:
            raise Undelivered(
                f"webhook at {self._host}: it answered {answer.status}", refused=answer.status in _REFUSED
            )
