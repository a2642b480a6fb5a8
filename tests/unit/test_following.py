"""`./karen logs`: no line is lost between what is there and what comes, nor when a server is started again."""

import json
from datetime import UTC, datetime

import docker
import pytest
import requests
from typer.testing import CliRunner

from ops.cli.app import app
from ops.cli.errors import NotAsked
from ops.cli.services import logs
from ops.cli.services.containers import Server, Servers, servers
from tests.unit.containers import Engine, facts


def line(second: int, text: str) -> bytes:
    return f"2026-01-31T12:00:{second:02}.123456789Z {text}\n".encode()


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "_PAUSE_SECONDS", 0)


def followed(engine: Engine, *names: str) -> list[str]:
    found = {name: Server(name, facts(name, running=True)) for name in names}
    return [text for _, _, text in logs._followed(Servers("dev", engine.client, found, {}), names, None, 100)]


def test_what_is_written_while_the_history_is_printed_is_not_lost() -> None:
    engine = Engine(redis=True)
    # The second stream begins with what the first has ended with, and has a line from between the two.
    engine.streams = {
        "redis": [[line(1, "one"), line(2, "two")], [line(2, "two"), line(3, "between"), line(4, "four")]]
    }
    assert followed(engine, "redis") == ["one", "two", "between", "four"]
    assert engine.begun[0] == "redis all 0.000000"
    assert engine.begun[1] == f"redis on {datetime(2026, 1, 31, 12, 0, 2, 123456, UTC).timestamp():.6f}"


def test_a_server_that_is_started_again_is_followed_again() -> None:
    engine = Engine(redis=True, etcd=True)
    engine.streams = {
        "redis": [[], [line(5, "five")], [line(5, "five"), line(7, "again")], []],
        "etcd": [[line(1, "one")], [line(6, "six")]],
    }
    assert sorted(followed(engine, "redis", "etcd")) == ["again", "five", "one", "six"]


def test_a_last_line_without_an_end_is_a_line() -> None:
    engine = Engine(redis=True)
    engine.streams = {"redis": [[line(1, "whole")[:-1]], [line(2, "of "), line(3, "parts")[:-5]]]}
    assert followed(engine, "redis") == ["whole", "of ", "p"]


def test_an_engine_that_is_gone_ends_it_with_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    engine = Engine(redis=True)
    engine.streams = {"redis": [[], []]}
    monkeypatch.setattr(docker, "from_env", lambda **_: engine.client)

    def gone(_: str) -> None:
        raise requests.ConnectionError("Connection aborted.")

    def follow() -> None:
        with servers("dev") as stack:
            monkeypatch.setattr(engine, "inspect_container", gone)
            list(logs._followed(stack, ["redis"], None, 1))

    with pytest.raises(NotAsked, match=r"Connection aborted. Fix: ./karen doctor"):
        follow()


def test_each_line_is_a_document_that_says_what_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    engine = Engine(redis=True)
    engine.streams = {"redis": [[line(1, "one")]]}
    monkeypatch.setattr(docker, "from_env", lambda **_: engine.client)
    (told,) = CliRunner().invoke(app, ["logs", "--json"]).stdout.splitlines()
    moment = "2026-01-31T12:00:01.123456789Z"
    assert json.loads(told) == {"schema": 1, "stack": "dev", "time": moment, "service": "redis", "text": "one"}
