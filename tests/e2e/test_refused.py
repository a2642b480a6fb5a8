"""What cannot work is refused by name before anything is made."""

import socket

import pytest

from init.resources.initialization import checksums
from tests.e2e.live import PORTS_BESIDE, SERVICES_OFF, LiveStack

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(120)]


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"postgresMemory": "1m"}, "ai-karen-db:postgresMemory is 1m"),
        ({"enableMinio": "false"}, "ai-karen-db:enableMinio"),
        ({"postgressPort": "5432"}, "ai-karen-db:postgressPort"),
    ],
)
def test_a_bad_configuration_makes_nothing(changes: dict[str, str], named: str) -> None:
    live = LiveStack("test-refused")
    live.create()
    try:
        live.configure(**changes)
        done = live.up(check=False)
        assert done.returncode != 0
        assert named in done.stdout
        assert "Fix:" in done.stdout
        assert not any(live.on_engine().values())
    finally:
        live.erase()


def test_a_port_of_another_process_is_found_before_anything_is_made() -> None:
    live = LiveStack("test-refused")
    with socket.create_server(("127.0.0.1", 0)) as foreign:
        port = foreign.getsockname()[1]
        live.settings |= {**SERVICES_OFF, "redisPort": str(port)}
        live.create()
        try:
            done = live.up(check=False)
            assert done.returncode != 0
            assert f"ai-karen-db:redisPort is {port}" in done.stdout
            assert not any(live.on_engine().values())
        finally:
            live.erase()


def test_a_preview_names_what_is_pending_and_makes_nothing() -> None:
    live = LiveStack("test-refused")
    live.settings |= {**SERVICES_OFF, **PORTS_BESIDE}
    live.create()
    try:
        printed = live.pulumi("preview").stdout
        for service in ("postgres", "duckdb"):
            for name in checksums(service):
                assert f"{service}: migration {name} is pending" in printed
        assert not any(live.on_engine().values())
    finally:
        live.erase()
