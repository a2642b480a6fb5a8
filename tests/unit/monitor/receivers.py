"""Real receivers on this machine: an HTTP server and a mail server, each in a thread."""

import json
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

HOST = "127.0.0.1"
USER, PASSWORD = "monitor", "s3cret-p@ss"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port


def eventually(true: Callable[[], bool], seconds: float = 20) -> None:
    """Return once it is true; AssertionError if it never is."""
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "it did not become true"
        time.sleep(0.01)


class Web:
    """What an HTTP receiver got, and the statuses that it answers next: 200 when there are none left."""

    def __init__(self) -> None:
        self.bodies: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.paths: list[str] = []
        self.times: list[float] = []
        self.statuses: list[int] = []
        self.answering = threading.Event()
        self.answering.set()
        self.url = ""

    @property
    def summaries(self) -> list[str]:
        return [body["summary"] for body in self.bodies]


@contextmanager
def web(port: int = 0, tls: ssl.SSLContext | None = None, state: Web | None = None) -> Iterator[Web]:
    """Provide a receiver; `state` of an earlier one goes on. While `answering` is not set, it says nothing."""
    found = state or Web()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            found.times.append(time.monotonic())
            found.paths.append(self.path)
            found.headers.append({name.lower(): value for name, value in self.headers.items()})
            found.bodies.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            found.answering.wait(20)
            self.send_response(found.statuses.pop(0) if found.statuses else 200)
            self.send_header("Location", "/elsewhere")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

        def finish(self) -> None:
            try:
                super().finish()
            except OSError:
                # Who asked was killed.
                self.wfile.close()

    class Server(ThreadingHTTPServer):
        # What a client did that was killed, or that did not like the certificate, is part of the test.
        def handle_error(self, *_: object) -> None:
            """Say nothing."""

    server = Server((HOST, port), Handler)
    if tls:
        server.socket = tls.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    found.url = f"http{'s' if tls else ''}://{HOST}:{server.server_port}/hook/T0KEN"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield found
    finally:
        found.answering.set()
        server.shutdown()
        server.server_close()
        thread.join()


class Mail:
    """What a mail server got. `answers` are what it says next to a message, `refused` whom it does not know."""

    def __init__(self) -> None:
        self.envelopes: list[Envelope] = []
        self.answers: list[str] = []
        self.refused: set[str] = set()
        self.port = 0

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        if address in self.refused:
            return "550 no such user"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802
        answer = self.answers.pop(0) if self.answers else "250 OK"
        if answer.startswith("250"):
            self.envelopes.append(envelope)
        return answer


def _known(_server: SMTP, _session: Session, _envelope: Envelope, _mechanism: str, data: object) -> AuthResult:
    known = isinstance(data, LoginPassword) and (data.login, data.password) == (USER.encode(), PASSWORD.encode())
    return AuthResult(success=known, handled=False)


@contextmanager
def mail(
    *,
    port: int = 0,
    starttls: ssl.SSLContext | None = None,
    tls: ssl.SSLContext | None = None,
    state: Mail | None = None,
) -> Iterator[Mail]:
    """Provide a mail server that knows `USER`; with `starttls` it takes mail of nobody else."""
    found = state or Mail()
    found.port = port or free_port()
    controller = Controller(
        found,
        hostname=HOST,
        port=found.port,
        ssl_context=tls,
        tls_context=starttls,
        require_starttls=starttls is not None,
        authenticator=_known,
        auth_required=starttls is not None,
        auth_require_tls=starttls is not None,
    )
    controller.start()
    try:
        yield found
    finally:
        controller.stop()
