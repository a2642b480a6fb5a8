"""MinIO that starts or stops may answer with `Retry-After: 60`, and is there in seconds: nobody waits for so long."""

import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
import urllib3

from backup.engines import minio_store
from ops.cli.services import connect


class Stopping(BaseHTTPRequestHandler):
    """Refuses the first request of each path as MinIO does, and answers the next."""

    seen: set[str]

    def do_GET(self) -> None:
        """Answer."""
        first = self.path not in self.seen
        self.seen.add(self.path)
        self.send_response(503 if first else 200)
        if first:
            self.send_header("Retry-After", "60")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@pytest.fixture
def stopping() -> Iterator[str]:
    handler = type("Once", (Stopping,), {"seen": set()})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    found: list[float] = []
    monkeypatch.setattr(time, "sleep", found.append)
    return found


def sample() -> urllib3.Retry:
    """Return what `karen connect --format python` shows to applications."""
    line = next(one for one in connect.PYTHON["minio"].splitlines() if one.startswith("retries = "))
    found: dict[str, Any] = {"urllib3": urllib3}
    exec(line, found)  # noqa: S102 - our own text
    return found["retries"]  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    ("retries", "obeyed"),
    [(minio_store.RETRIES, False), (sample(), False), (urllib3.Retry(3), True)],
    ids=["backups", "connect", "of urllib3"],
)
def test_urllib3_alone_waits_for_a_minute(
    stopping: str, waits: list[float], retries: urllib3.Retry, obeyed: bool
) -> None:
    assert urllib3.PoolManager(retries=retries).request("GET", f"{stopping}/object").status == 200
    assert (60 in waits) is obeyed
