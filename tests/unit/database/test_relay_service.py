"""The relay as a process: what it does with settings that cannot be used, and when it tells that it lives."""

import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import pytest
from psycopg import AsyncConnection

from bootstrap import places
from database.bulk import _refusal
from database.errors import DatabaseError, MissingObject, PermissionDenied, Unavailable
from database.outbox.heartbeat import Heartbeat
from database.outbox.model import Change
from database.outbox.relay import Relay

_OFF = {"ENABLE_ELASTICSEARCH": "false", "ENABLE_MILVUS": "false"}


def run(tmp_path: Path, **variables: str) -> "subprocess.CompletedProcess[str]":
    """Run the service with these variables alone."""
    return subprocess.run(
        [sys.executable, "-m", "database.outbox"],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(places.CHECKOUT), **variables},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_what_cannot_be_used_is_named_with_what_is_allowed_and_the_fix(tmp_path: Path) -> None:
    wrong, no_object = tmp_path / "wrong.json", tmp_path / "list.json"
    wrong.write_text(json.dumps({"POSTGRES_PORT": "many", "POSTGRES_PASSWORD": "a-secret"}))
    no_object.write_text('["a-secret"]')
    cases: list[tuple[dict[str, str], tuple[str, ...]]] = [
        ({"RELAY_METRICS_PORT": "http"}, ("RELAY_METRICS_PORT is 'http'", "allowed: 1 to 65535", "Fix: ")),
        ({"RELAY_SETTINGS": "/nowhere.json"}, ("RELAY_SETTINGS is '/nowhere.json'", "FileNotFoundError", "Fix: ")),
        ({"RELAY_SETTINGS": str(no_object)}, ("RELAY_SETTINGS is", "allowed: a JSON file", "Fix: ")),
        ({"RELAY_SETTINGS": str(wrong)}, ("POSTGRES_PORT is 'many'", "allowed: a whole number", "Fix: ")),
        ({"RELAY_HEARTBEAT": "/nowhere/beat"}, ("RELAY_HEARTBEAT is '/nowhere/beat'", "allowed: a file", "Fix: ")),
        (_OFF, ("nobody to deliver to", "Fix: ")),
    ]
    for variables, words in cases:
        done = run(tmp_path, **variables)
        assert done.returncode == 1
        assert not [word for word in words if word not in done.stderr], done.stderr
        assert "Traceback" not in done.stderr
        assert "a-secret" not in done.stderr


def test_a_sign_of_life_comes_with_the_last_part_and_is_as_old_as_the_slowest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, now = tmp_path / "heartbeat", 100.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    file.touch()
    beating = Heartbeat(file, ["elasticsearch", "milvus"])
    beating.beat("elasticsearch")
    assert not file.exists()
    beating.beat("milvus")
    assert time.time() - file.stat().st_mtime < 5
    now += 40.0
    beating.beat("milvus")
    assert 39 < time.time() - file.stat().st_mtime < 45
    beating.beat("elasticsearch")
    now += 2.0
    beating.beat("elasticsearch")
    assert time.time() - file.stat().st_mtime < 5


class Away:
    """An engine that does not answer."""

    name = "elasticsearch"

    async def deliver(self, changes: Sequence[Change]) -> Mapping[int, str]:
        raise AssertionError(changes)

    async def show(self, keys: Sequence[int]) -> None:
        raise AssertionError(keys)

    async def ask(self) -> None:
        raise AssertionError


class Gone:
    """Transactions of a server that is gone, or that has no such tables."""

    def __init__(self, error: type[DatabaseError]) -> None:
        self.error, self.tries = error, 0

    def __call__(self) -> Self:
        return self

    async def __aenter__(self) -> AsyncConnection[Any]:
        self.tries += 1
        raise self.error("gone", "postgres", "transaction", "start it")

    async def __aexit__(self, *_: object) -> None:
        raise AssertionError


@pytest.mark.parametrize(("error", "lives"), [(Unavailable, False), (MissingObject, True)])
def test_what_fails_is_no_sign_of_life_but_where_there_is_no_outbox(error: type[DatabaseError], *, lives: bool) -> None:
    gone = Gone(error)

    async def scenario() -> list[str]:
        stop, beats = asyncio.Event(), list[str]()
        running = asyncio.create_task(Relay(gone, Away()).run(stop, beats.append))
        while gone.tries < 2:
            await asyncio.sleep(0.01)
        stop.set()
        await running
        return beats

    assert set(asyncio.run(scenario())) == ({"elasticsearch"} if lives else set())


def test_an_index_that_nobody_may_write_to_for_a_while_makes_no_dead_letters() -> None:
    error = {"type": "cluster_block_exception", "reason": "index [memory] blocked by: [FORBIDDEN/8/index write (api)];"}
    with pytest.raises(PermissionDenied, match="blocked by"):
        _refusal({"index": {"status": 403, "error": error}}, "deliver memories")
