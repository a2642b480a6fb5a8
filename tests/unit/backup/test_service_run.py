"""The service as a process of its own: it begins, answers the health check, makes what is due, and ends when it is told to."""

import base64
import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from backup.configuration import Configuration
from backup.keys import identity_of, recipient_of
from backup.schedule import missed
from backup.service.status import Status, read, write
from init.protocol import Failure

SEED = base64.b64encode(bytes(range(32))).decode()
YEARLY = "0 2 1 1 *"
MISSING = {"kind": "directory", "path": "/nonexistent/target"}


def document(directory: Path, **changes: Any) -> dict[str, Any]:
    """Return a configuration without engines, whose target is a directory."""
    target = directory / "target"
    target.mkdir(exist_ok=True)
    return {
        "stack": "test-service",
        "engines": {},
        "recipient": recipient_of(identity_of(SEED)),
        "signing": SEED,
        "target": {"kind": "directory", "path": str(target)},
        "schedule": YEARLY,
        "keep": "last=3,daily=7",
        "staging": str(directory),
        "software": "test",
        **changes,
    }


def configured(directory: Path, **changes: Any) -> Path:
    file = directory / "backup.json"
    file.write_text(json.dumps(document(directory, **changes)), encoding="utf-8")
    return file


def process(file: Path, module: str, call: str) -> "subprocess.Popen[str]":
    code = (
        f"from pathlib import Path; from backup.service import {module}; {module}.{call.format(file=repr(str(file)))}"
    )
    return subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_it_works_until_it_is_told_to_end(tmp_path: Path) -> None:
    file = configured(tmp_path)
    call = f"run(Path({{file}}), Path({str(tmp_path)!r}))"
    with process(file, "running", call) as service:
        ends = time.monotonic() + 20
        while not read(tmp_path).at and time.monotonic() < ends:
            time.sleep(0.05)
        assert read(tmp_path).schedule == YEARLY
        service.send_signal(signal.SIGTERM)
        began = time.monotonic()
        assert service.wait(10) == 0
        assert time.monotonic() - began < 5


def test_what_is_due_when_it_begins_is_made_in_a_process_of_its_own_and_its_failure_is_told(tmp_path: Path) -> None:
    write(Status(schedule=YEARLY, next=missed(YEARLY, 0, time.time())[-1]), tmp_path)
    call = f"run(Path({{file}}), Path({str(tmp_path)!r}))"
    with process(configured(tmp_path, target=MISSING), "running", call) as service:
        ends = time.monotonic() + 30
        while read(tmp_path).last is None and time.monotonic() < ends:
            time.sleep(0.05)
        service.send_signal(signal.SIGTERM)
        out, _ = service.communicate(timeout=10)
    told = read(tmp_path)
    assert told.last is not None
    assert told.last.error is not None
    assert (told.last.state, told.missed) == ("failed", 1)
    assert MISSING["path"] in told.last.error["message"]
    assert "sets were missed" in out
    assert SEED not in out


def test_a_run_says_what_became_of_it_on_a_line_of_its_own(tmp_path: Path) -> None:
    with process(configured(tmp_path, target=MISSING), "making", "main(Path({file}), 'schedule')") as run:
        out, _ = run.communicate(timeout=30)
    answer = json.loads(out.splitlines()[-1])
    assert answer["state"] == "failed"
    assert set(answer["error"]) == {"kind", "message", "fix"}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"engines": []}, r"configuration\.engines is a list; allowed: a dict"),
        ({"stack": None}, r"configuration\.stack is a NoneType; allowed: a str"),
        ({"identity": "x"}, "configuration has identity; allowed: stack, "),
    ],
)
def test_a_document_that_is_no_configuration_is_refused(tmp_path: Path, changes: dict[str, Any], words: str) -> None:
    with pytest.raises(Failure, match=words) as caught:
        Configuration.parse(document(tmp_path, **changes))
    assert caught.value.kind == "BadRequest"


def test_a_configuration_without_a_key_is_refused_with_its_name(tmp_path: Path) -> None:
    found = document(tmp_path)
    del found["recipient"]
    with pytest.raises(Failure, match=r"configuration\.recipient is missing"):
        Configuration.parse(found)


def test_what_is_kept_is_read_from_text(tmp_path: Path) -> None:
    keep = Configuration.parse(document(tmp_path, keep="last=2, weekly=5")).retention
    assert (keep.last, keep.daily, keep.weekly) == (2, 0, 5)
