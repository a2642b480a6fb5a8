"""Updates that somebody makes with Pulumi by hand are in the record as such, those of a command as that command's."""

import gzip
import json
import time
from pathlib import Path
from typing import Any

import pytest

from ops.audit import entries, history, keys, record
from ops.audit.checking import check
from ops.audit.current import agent
from ops.audit.session import recorded, take_in
from tests.unit.audit.recording import SEED, SIGNER, STACK, written
from tests.unit.audit.updating import Updates


def entries_of(event: str) -> list[dict[str, Any]]:
    found = [json.loads(line) for line in record.lines_of(STACK)]
    return [one for one in found if one["event"] == event]


def test_updates_are_taken_in_once_and_told_apart(tmp_path: Path, capsys: Any) -> None:
    updates = Updates.begin(tmp_path / "program")
    # As in `make up`: the record begins before the stack has a key.
    with recorded(STACK, "make up") as first:
        updates.up(*agent())
    assert [one["event"] for one in map(json.loads, record.lines_of(STACK))] == ["begin", "key", "update", "outcome"]
    updates.up("--message", "by hand")
    updates.up(check=False, FAILS="1")
    # Pulumi's times are whole seconds: what ends within two of the command might be its own.
    time.sleep(2)
    updates.pulumi("destroy", "--yes", "--skip-preview", "--exec-agent", f"karen/{first.id}")
    take_in(STACK)
    take_in(STACK)
    found = entries_of("update")
    told = [(one["direct"], one["kind"], one["result"], one["run"]) for one in found]
    assert told == [
        (False, "update", "succeeded", first.id),
        (True, "update", "succeeded", ""),
        (True, "update", "failed", ""),
        # It says that it is of a command that had ended before.
        (True, "destroy", "succeeded", ""),
    ]
    assert found[0]["changes"] == {"create": 1}
    assert found[3]["changes"] == {"delete": 1}
    assert found[0]["began"] <= found[0]["ended"] <= found[0]["at"]
    text = record.path(STACK).read_text()
    for secret in ("a-secret-output", "a-setting-s-secret", "by hand", SEED):
        assert secret not in text
    report = check(record.lines_of(STACK), trusted=[SIGNER.public])
    assert (report.problems, report.signed) == ([], len(record.lines_of(STACK)) - 1)
    assert capsys.readouterr().err == ""


def test_the_key_outlives_the_stack(tmp_path: Path) -> None:
    updates = Updates.begin(tmp_path / "program")
    updates.up()
    take_in(STACK)
    updates.pulumi("destroy", "--yes", "--skip-preview")
    assert keys.told_public(STACK) == ""
    with recorded(STACK, "make erase"):
        pass
    report = check(record.lines_of(STACK), trusted=[SIGNER.public])
    assert report.problems == []
    assert [one["kind"] for one in entries_of("update")] == ["update", "destroy"]


def test_updates_of_a_compressed_history_are_taken_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    updates = Updates.begin(tmp_path / "program")
    monkeypatch.setenv("PULUMI_DIY_BACKEND_GZIP", "true")
    updates.up(PULUMI_DIY_BACKEND_GZIP="true")
    assert list(history.directory(STACK).glob("*.history.json.gz"))
    assert [one["kind"] for one in history.unseen(STACK, b"")] == ["update"]


def told(number: int, content: bytes, ending: str = "json") -> None:
    directory = history.directory(STACK)
    directory.mkdir(parents=True, exist_ok=True)
    (directory / f"{STACK}-{number}.history.{ending}").write_bytes(content)


def test_what_is_no_history_is_left_for_the_next_time() -> None:
    whole = gzip.compress(b"{}" * 100)
    for number, content in enumerate((b"", b"none", whole[:-10], whole[:12] + b"x" * 20), start=1):
        told(number, content, "json.gz")
    told(5, b"[]")
    told(6, b"{}", "json.attrs")
    told(7, b'{"kind": "update", "result": "succeeded", "startTime": 1e999, "endTime": 1}')
    told(8, b"[" * 100_000)
    assert history.unseen(STACK, b"") == []


@pytest.mark.parametrize(("after", "direct"), [(60, False), (90_000, True)])
def test_a_killed_command_lends_its_name_for_a_day(after: int, direct: bool) -> None:
    lines = written(2)
    begin = json.loads(lines[1])
    moment = entries.seconds(begin["at"]) + after
    document = {
        "kind": "update", "result": "succeeded", "startTime": int(moment), "endTime": int(moment) + 5,
        "environment": {"exec.agent": f"karen/{begin['run']}"},
    }  # fmt: skip
    told(1, json.dumps(document).encode())
    (found,) = history.unseen(STACK, b"\n".join(lines))
    assert found["direct"] is direct
