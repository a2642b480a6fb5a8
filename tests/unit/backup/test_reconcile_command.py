"""What `karen reconcile` says, and how it ends."""

import json
from collections.abc import Mapping
from contextlib import nullcontext
from types import SimpleNamespace
from typing import Any

import pytest

from ops.cli import reconcile as command
from ops.cli.errors import NotAsked, Refused
from ops.cli.printer import Printer

NONE = {"missing": 0, "stale": 0, "orphaned": 0}


def engine(found: Mapping[str, int] = NONE, left: Mapping[str, int] = NONE, **others: Any) -> dict[str, Any]:
    examples = {kind: list(range(min(count, 5))) for kind, count in found.items()}
    done = {"written": 0, "updated": 0, "deleted": 0}
    start = {"rows": 12, "held": 12, "unkeyed": 0, "embed": [], "refused": {}, "done": done}
    return {
        **start,
        "found": {**NONE, **found},
        "left": {**NONE, **left},
        "examples": {**{kind: [] for kind in NONE}, **examples},
        **others,
    }


def answer(*, dry_run: bool = False, **engines: Any) -> dict[str, Any]:
    mismatches = sum(sum(one["left"].values()) for one in engines.values())
    return {"dry_run": dry_run, "rounds": 1, "mismatches": mismatches, "engines": engines}


class Asked:
    """Jobs that answer in turn, and what they were asked."""

    def __init__(self, *answers: Mapping[str, Any]) -> None:
        self.answers, self.requests = list(answers), list[dict[str, Any]]()

    def __call__(self, backups: Any, step: str, printer: Printer, **request: Any) -> Mapping[str, Any]:
        assert step == "reconcile"
        self.requests.append(request)
        return self.answers.pop(0)


@pytest.fixture
def engines() -> dict[str, Any]:
    return {"postgres": {"host": "p"}, "redis": {"host": "r"}, "milvus": {"host": "m"}}


@pytest.fixture
def asking(monkeypatch: pytest.MonkeyPatch, engines: dict[str, Any]) -> Any:
    def of(*answers: Mapping[str, Any]) -> Asked:
        asked = Asked(*answers)
        monkeypatch.setattr(command, "ask", asked)
        monkeypatch.setattr(command, "described", lambda _: SimpleNamespace(engines=engines))
        monkeypatch.setattr(command, "leased", lambda *_: nullcontext())
        return asked

    return of


LACKING = engine({"missing": 12, "stale": 1}, {"missing": 12, "stale": 1}, embed=list(range(12)))
REPAIRED = engine(
    {"missing": 12, "stale": 1}, {"missing": 12}, embed=list(range(12)), done={"written": 0, "updated": 1, "deleted": 0}
)


def test_what_agrees_is_said_to_do_so(asking: Any, capsys: pytest.CaptureFixture[str]) -> None:
    asked = asking(answer(dry_run=True, milvus=engine()))
    assert command.reconcile(Printer("dev"), dry_run=False, yes=False) == 0
    assert capsys.readouterr().out == "milvus: 12 memories, all agree\nDone: vectors agree with PostgreSQL.\n"
    assert asked.requests == [{"engines": {"postgres": {"host": "p"}, "milvus": {"host": "m"}}, "dry_run": True}]


def test_a_dry_run_only_tells(asking: Any, capsys: pytest.CaptureFixture[str]) -> None:
    asking(answer(dry_run=True, milvus=LACKING))
    assert command.reconcile(Printer("dev"), dry_run=True, yes=True) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "milvus: 12 memories, 12 missing (0, 1, 2, 3, 4), 1 stale (0)"
    assert "12 vectors to be embedded again" in lines[1]
    assert "vector_id 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, …. Fix: have the application embed" in lines[1]
    assert lines[2] == "13 vectors differ from PostgreSQL; nothing was changed. Fix: ./karen reconcile"


def test_without_leave_nothing_is_changed(asking: Any) -> None:
    asked = asking(answer(dry_run=True, milvus=LACKING))
    with pytest.raises(Refused, match="--yes"):
        command.reconcile(Printer("dev"), dry_run=False, yes=False)
    assert len(asked.requests) == 1


def test_what_only_people_can_repair_is_not_asked_about(asking: Any, capsys: pytest.CaptureFixture[str]) -> None:
    asked = asking(answer(dry_run=True, milvus=engine({"missing": 1}, {"missing": 1}, embed=[7])))
    assert command.reconcile(Printer("dev"), dry_run=False, yes=False) == 1
    assert len(asked.requests) == 1
    assert "1 vectors differ from PostgreSQL; nothing was changed.\n" in capsys.readouterr().out


def test_with_leave_it_is_repaired_at_once(asking: Any, capsys: pytest.CaptureFixture[str]) -> None:
    documents = engine({"orphaned": 3}, unkeyed=2, done={"written": 0, "updated": 0, "deleted": 3})
    refused = {"5": "user_id is longer than the 64 bytes that Milvus keeps of it"}
    asked = asking(answer(elasticsearch=documents, milvus={**REPAIRED, "refused": refused}))
    assert command.reconcile(Printer("dev", as_json=True), dry_run=False, yes=True) == 1
    assert [one["dry_run"] for one in asked.requests] == [False]
    told = capsys.readouterr()
    document = json.loads(told.out)
    assert document["changed"] is True
    assert document["engines"]["milvus"]["embed"] == list(range(12))
    assert (
        document["message"] == "12 documents and vectors still differ from PostgreSQL, 12 of them to be embedded again."
    )
    assert "elasticsearch: 12 memories, 3 orphaned (0, 1, 2); 3 deleted\n" in told.err
    assert "2 documents without a vector_id cannot be compared" in told.err
    assert f"milvus: 5: {refused['5']}\n" in told.err


def test_there_has_to_be_something_to_reconcile(asking: Any, engines: dict[str, Any]) -> None:
    del engines["milvus"]
    asking()
    with pytest.raises(NotAsked, match="neither Elasticsearch nor Milvus"):
        command.reconcile(Printer("dev"), dry_run=False, yes=True)
