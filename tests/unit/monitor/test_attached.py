"""A server is cut off when it is missing on one of its networks, whichever that is."""

from types import SimpleNamespace
from typing import Any

import pytest

from monitor.servers import Servers

_STATE = {
    "Paused": False, "Status": "running", "StartedAt": "2026-11-22T19:35:37.925Z", "ExitCode": 0, "OOMKilled": False,
}  # fmt: skip


@pytest.mark.parametrize(
    ("joined", "attached"),
    [
        (["data", "backend"], True),
        (["data", "backend", "other"], True),
        (["data"], False),
        (["backend"], False),
        ([], False),
    ],
)
def test_all_of_its_networks_count(joined: list[str], attached: bool) -> None:
    facts: dict[str, Any] = {
        "State": _STATE,
        "RestartCount": 0,
        "NetworkSettings": {"Networks": dict.fromkeys(joined)},
    }
    looking = Servers("unix:///nowhere", {"minio": "one"}, {"minio": ["data", "backend"]})
    looking._api = SimpleNamespace(inspect_container=lambda _: facts)  # type: ignore[assignment]
    assert looking.look("minio").attached is attached
