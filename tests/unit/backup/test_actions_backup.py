"""The `backup` action as a job has it: its steps on a real directory, in a process that reads one request and answers it."""

import base64
import fcntl
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from backup.actions import act
from backup.sets import root_of
from init import protocol
from init.protocol import PROTOCOL, Failure, encode
from tests.unit.backup.duckdb_samples import place, run
from tests.unit.backup.making import IDENTITY, RECIPIENT, SEED, STACK, TRUST, directory, made

_ROOT = Path(__file__).parents[3]
PASSWORD = "password-of-an-engine"


def configuration(target: Path, staging: Path, **engines: Any) -> dict[str, Any]:
    return {
        "stack": STACK,
        "engines": engines,
        "recipient": RECIPIENT,
        "signing": SEED,
        "target": {"kind": "directory", "path": str(target)},
        "schedule": "0 2 * * *",
        "keep": "last=1",
        "staging": str(staging),
    }


@pytest.fixture
def refusing() -> Iterator[dict[str, Any]]:
    """How to reach a Redis that refuses the password, and repeats it."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            with suppress(OSError):
                while True:
                    client, _ = server.accept()
                    with client:
                        client.recv(1000)
                        client.sendall(f"-WRONGPASS {PASSWORD} is wrong\r\n".encode())

        threading.Thread(target=answer, daemon=True).start()
        yield {"host": "127.0.0.1", "port": server.getsockname()[1], "password": PASSWORD}


@pytest.fixture
def request_(tmp_path: Path) -> dict[str, Any]:
    """What every request has: a stack with DuckDB alone."""
    (tmp_path / "staging").mkdir()
    directory(tmp_path / "target")
    database = place(tmp_path / "duckdb")
    run(database, "CREATE TABLE kept AS SELECT 1 AS a")
    return {"configuration": configuration(tmp_path / "target", tmp_path / "staging", duckdb=database)}


def started() -> subprocess.Popen[bytes]:
    pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
    environment = {**os.environ, "PYTHONPATH": str(_ROOT)}
    return subprocess.Popen([sys.executable, "-m", "init", "backup"], cwd=_ROOT, env=environment, **pipes)  # type: ignore[call-overload, no-any-return]


def send(process: subprocess.Popen[bytes], request: dict[str, Any]) -> None:
    assert process.stdin is not None
    process.stdin.write(encode({"protocol": PROTOCOL, "action": "backup", **request}))
    process.stdin.flush()


def refused(request: dict[str, Any]) -> Failure:
    with pytest.raises(Failure) as caught:
        act(request)
    assert caught.value.fix
    return caught.value


def test_an_unknown_step_is_named_with_what_is_allowed() -> None:
    for step in (None, "Create", 7):
        failure = refused({"step": step})
        assert failure.kind == "BadRequest"
        assert "allowed: create, list, find, check" in failure.message


@pytest.mark.parametrize(
    "step", ["create", "list", "find", "check", "decide", "prune", "load", "exchange", "finish", "discard"]
)
def test_a_request_without_what_the_step_needs_says_what_is_missing(step: str) -> None:
    assert refused({"step": step}).kind == "BadRequest"


def test_a_set_is_made_found_checked_and_pruned(request_: dict[str, Any], capfd: pytest.CaptureFixture[str]) -> None:
    first = act({**request_, "step": "create", "label": "first", "state": base64.b64encode(b"{}").decode()})["manifest"]
    assert (first["label"], first["trigger"], first["engines"]["duckdb"]["state"]) == ("first", "manual", "good")
    assert first["state"]["plain"] == 2
    assert act({**request_, "step": "find", "set": "first"})["manifest"] == first
    checked = act({**request_, "step": "check", "identity": IDENTITY})
    assert (checked["manifest"], checked["report"]["files"]) == (first, 2)
    second = act({**request_, "step": "create"})["manifest"]
    decision = act({**request_, "step": "decide"})
    assert ([one["id"] for one in decision["kept"]], decision["removed"]) == ([second["id"]], [{"id": first["id"]}])
    assert len(act({**request_, "step": "list"})["sets"]) == 2
    assert act({**request_, "step": "prune", "decision": decision}) == decision
    assert [one["id"] for one in act({**request_, "step": "list"})["sets"]] == [second["id"]]
    # What is told goes to the log, never where the answer is.
    printed = capfd.readouterr()
    assert printed.out == ""
    assert "duckdb: done in " in printed.err


@pytest.mark.parametrize(
    "decision", [{}, {"kept": []}, {"kept": [1], "removed": [], "refused": {}, "unfinished": [], "bytes": 0}]
)
def test_what_is_no_decision_is_refused(request_: dict[str, Any], decision: dict[str, Any]) -> None:
    found = refused({**request_, "step": "prune", "decision": decision})
    assert (found.kind, "allowed: the answer of the step `decide`" in found.message) == ("BadRequest", True)


def test_a_named_place_is_read_with_the_keys_that_are_trusted(tmp_path: Path) -> None:
    found = made(directory(tmp_path / "target"))
    place_ = {"target": {"kind": "directory", "path": str(tmp_path / "target")}, "stack": STACK}
    assert act({**place_, "step": "find", "trust": list(TRUST)})["manifest"]["id"] == found.id
    assert refused({**place_, "step": "find", "trust": [], "set": found.id}).kind == "NotTrusted"
    assert refused({**place_, "step": "find", "trust": list(TRUST), "stack": "other"}).kind == "NotFound"


def test_a_set_that_was_named_and_is_later_than_the_moment_is_refused(tmp_path: Path) -> None:
    found = made(directory(tmp_path / "target"), "late")
    place_ = {"target": {"kind": "directory", "path": str(tmp_path / "target")}, "stack": STACK, "trust": list(TRUST)}
    for step in ("find", "check"):
        for wanted in ("late", found.id, found.id[:10]):
            request = {**place_, "step": step, "set": wanted}
            assert refused({**request, "not_after": found.ended - 0.001}).kind == "TooLate"
            assert act({**request, "not_after": found.ended})["manifest"]["id"] == found.id
        assert refused({**place_, "step": step, "not_after": found.ended - 0.001}).kind == "NotFound"


def test_a_check_of_some_engines_reads_the_files_of_these(tmp_path: Path) -> None:
    found = made(directory(tmp_path / "target"))
    place_ = {"target": {"kind": "directory", "path": str(tmp_path / "target")}, "stack": STACK, "trust": list(TRUST)}
    (tmp_path / "target" / root_of(STACK, found.id) / "state.json.zst.age").unlink()
    told = act({**place_, "step": "check", "engines": ["milvus"], "identity": IDENTITY})
    assert told["report"]["files"] == 2
    assert sorted(told["manifest"]["engines"]) == ["milvus", "postgres"]
    for engines in ([], ["postgres", "milvus"]):
        assert "state.json.zst.age" in refused({**place_, "step": "check", "engines": engines}).message


def test_the_process_answers_with_one_frame(request_: dict[str, Any]) -> None:
    with started() as process:
        send(process, {**request_, "step": "create"})
        assert process.stdout is not None
        reply = protocol.read(process.stdout)
        assert reply["ok"]
        assert reply["result"]["manifest"]["engines"]["duckdb"]["state"] == "good"
        assert process.stdout.read() == b""
        assert process.wait(10) == 0
        assert process.stderr is not None
        assert b"duckdb: begins" in process.stderr.read()


def test_no_answer_has_a_secret(request_: dict[str, Any], refusing: dict[str, Any]) -> None:
    request_["configuration"]["engines"]["redis"] = refusing
    with started() as process:
        send(process, {**request_, "step": "create"})
        assert process.stdout is not None
        assert process.stderr is not None
        reply = protocol.read(process.stdout)
        printed = f"{reply}{process.stderr.read().decode()}"
    assert reply["result"]["manifest"]["engines"]["redis"]["state"] == "incomplete"
    assert "*** is wrong" in printed
    assert not any(secret in printed for secret in (PASSWORD, SEED, IDENTITY))


def test_it_ends_when_nobody_waits_for_the_answer_any_more(request_: dict[str, Any], tmp_path: Path) -> None:
    handle = os.open(tmp_path / "target" / ".lock", os.O_RDWR | os.O_CREAT)
    fcntl.flock(handle, fcntl.LOCK_EX)
    try:
        with started() as process:
            # It waits for the target for as long as it is another's.
            send(process, {**request_, "step": "create"})
            time.sleep(1.5)
            assert process.poll() is None
            assert process.stdin is not None
            process.stdin.close()
            assert process.wait(5) == 1
            assert process.stdout is not None
            assert process.stdout.read() == b""
    finally:
        os.close(handle)
    assert act({**request_, "step": "create"})["manifest"]["engines"]["duckdb"]["state"] == "good"
