"""`make up`: what Pulumi is told to do is recorded, with how it ended."""

import json
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest

from bootstrap import places
from ops import up
from ops.audit import record
from tests.unit.audit.recording import STACK
from tests.unit.audit.updating import Updates


def ended(monkeypatch: pytest.MonkeyPatch) -> object:
    """Run it, and return its exit code."""
    monkeypatch.setattr(sys, "argv", ["up", "--stack", STACK])
    with pytest.raises(SystemExit) as caught:
        up.main()
    return caught.value.code


def entries() -> list[dict[str, Any]]:
    return [json.loads(line) for line in record.lines_of(STACK)]


def test_it_ends_as_pulumi_does_and_both_are_recorded(
    tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    updates = Updates.begin(tmp_path / "program")
    (home / "passphrases").mkdir()
    shutil.copy(places.passphrase_file(STACK), home / "passphrases" / STACK)
    monkeypatch.setattr(places, "CHECKOUT", updates.directory)
    monkeypatch.setattr(places, "virtual_environment", lambda **_: Path(sys.prefix))
    assert ended(monkeypatch) == 0
    begin, key, update, outcome = entries()
    assert (begin["command"], begin["commit"], key["event"]) == ("make up", None, "key")
    assert (update["run"], update["direct"], update["result"]) == (begin["run"], False, "succeeded")
    assert (outcome["run"], outcome["result"]) == (begin["run"], "done")
    monkeypatch.setenv("FAILS", "1")
    assert ended(monkeypatch) == 1
    begin, update, outcome = entries()[4:]
    assert [one["run"] for one in (update, outcome)] == [begin["run"]] * 2
    assert (update["result"], outcome["result"], outcome["exit"]) == ("failed", "failed", 1)
