"""What the commands do in which order, with a stack that is only told of: what is left when one of them is cut off."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from typer.testing import CliRunner

from init.migrations import Migration, Script
from ops.cli.app import app, main
from ops.cli.errors import Locked, NotAsked, Refused
from ops.cli.migrate import acting, backward, changes, ledgers, pins, update
from ops.cli.migrate.known import Known
from ops.cli.printer import Printer
from ops.cli.recorded import Recorded
from tests.unit.test_cli_known import BODIES, FILES, entry, known

ALL = [entry(name).document() for name in BODIES]


@dataclass
class Stack:
    """One engine, what was done to it in order, and what the next update or job ends with."""

    one: Known
    ledger_after: Sequence[Mapping[str, Any]] = ()
    done: list[Any] = field(default_factory=list)
    update_fails: Exception | None = None
    act_fails: Exception | None = None

    def survey(self, *_: object, **__: object) -> list[Known]:
        return [self.one]

    def act(self, _stack: str, one: Known, action: str, **_: object) -> dict[str, Any]:
        self.done.append(action)
        if self.act_fails is not None:
            raise self.act_fails
        return {"ledger": self.ledger_after}

    def update(self, _printer: Printer, engines: Sequence[str], **_: object) -> Recorded:
        self.done.append(list(engines))
        if self.update_fails is not None:
            raise self.update_fails
        return Recorded("dev", {"postgres": self.one.record}, None)


@pytest.fixture
def stack(monkeypatch: pytest.MonkeyPatch) -> Stack:
    stack = Stack(known())
    # No monitor is looked for.
    monkeypatch.setenv("KAREN_MAINTENANCE", "a test")
    for module in (acting, backward, changes, ledgers):
        monkeypatch.setattr(module, "survey", stack.survey)
    monkeypatch.setattr(acting, "act", stack.act)
    monkeypatch.setattr(update, "update", stack.update)
    monkeypatch.setattr(update, "ensure_free", lambda _: None)
    monkeypatch.setattr(changes, "_left_behind", lambda *_: [])
    monkeypatch.setattr(pins, "write", lambda _, __, pin: stack.done.append(f"pin {pins.shown(pin)}"))
    return stack


PRINTER = Printer("dev")


def test_without_a_version_up_keeps_to_the_pin(stack: Stack, capsys: pytest.CaptureFixture[str]) -> None:
    stack.one = known(entry("001_a"), pin="001", recorded={"target": "001"})
    assert changes.up(PRINTER, None, None, yes=True) == 0
    assert stack.done == []
    assert "postgres stops at 001, as configured; --to latest goes on." in capsys.readouterr().out
    assert changes.up(PRINTER, None, "latest", yes=True) == 0
    assert stack.done == ["pin latest", ["postgres"]]


@pytest.mark.parametrize("command", [["up", "postgres"], ["down", "postgres"], ["baseline", "postgres"]])
def test_an_empty_version_is_none(stack: Stack, command: list[str]) -> None:
    result = CliRunner().invoke(app, ["migrate", *command, "--to", "", "--yes"])
    assert (result.exit_code, stack.done) == (2, [])
    assert "--to is ''" in result.stderr


@pytest.mark.parametrize(
    ("answer", "written"), [(Locked("locked"), ["pin 001", "pin latest"]), (Refused("no"), ["pin 001"])]
)
def test_a_pin_is_put_back_only_if_the_update_did_not_begin(
    stack: Stack, answer: Exception, written: list[str]
) -> None:
    stack.one, stack.update_fails = known(entry("001_a")), answer
    with pytest.raises(type(answer), match="Nothing was changed" if len(written) == 2 else "SchemaVersion is 001 now"):
        changes.up(PRINTER, "postgres", "1", yes=True)
    assert [one for one in stack.done if isinstance(one, str)] == written


def test_after_a_way_back_a_lock_is_not_said_to_have_changed_nothing(stack: Stack) -> None:
    stack.one = known(files=(*FILES[:2], with_way_back()))
    stack.update_fails = Locked("The stack dev is locked.")
    with pytest.raises(Locked, match="003_c taken back, and Pulumi has not recorded it: run the same command again"):
        backward.down(PRINTER, "postgres", "2", yes=True)
    assert stack.done == ["pin 002", "down", ["postgres"]]


def test_a_way_back_that_did_nothing_puts_the_pin_back(stack: Stack) -> None:
    stack.one = known(files=(*FILES[:2], with_way_back()))
    stack.act_fails = NotAsked("The container engine is not reachable.")
    with pytest.raises(NotAsked, match="Nothing was changed"):
        backward.down(PRINTER, "postgres", "2", yes=True)
    assert stack.done == ["pin 002", "down", "pin latest"]


def test_a_way_back_never_goes_forward(stack: Stack) -> None:
    stack.one = known(entry("001_a"), entry("002_b", state="applying"))
    with pytest.raises(Refused, match=r"Fix: ./karen migrate up postgres --to 002"):
        backward.down(PRINTER, "postgres", "2", yes=True)
    assert stack.done == []


def test_a_baseline_sets_the_pin_first_and_is_finished_by_the_same_command(stack: Stack) -> None:
    stack.one = known(pin="000", answer={"ledger": []}, recorded={"target": "000", "migrations": {}})
    stack.update_fails = Locked("The stack dev is locked.")
    with pytest.raises(Locked, match="run the same command again"):
        ledgers.baseline(PRINTER, "postgres", "2", yes=True)
    assert stack.done == ["pin 002", "baseline", ["postgres"]]
    stack.one = known(*map(entry, list(BODIES)[:2]), pin="002", recorded={"target": "000", "migrations": {}})
    stack.done, stack.update_fails = [], None
    assert ledgers.baseline(PRINTER, "postgres", "2", yes=True) == 0
    assert stack.done == [["postgres"]]
    with pytest.raises(Refused, match="has a ledger already"):
        ledgers.baseline(PRINTER, "postgres", "1", yes=True)


def test_a_repair_that_pulumi_has_not_recorded_is_finished_by_the_same_command(
    stack: Stack, capsys: pytest.CaptureFixture[str]
) -> None:
    stack.one, stack.ledger_after = known(entry("001_a", checksum="0" * 64), *map(entry, list(BODIES)[1:])), ALL
    stack.update_fails = Locked("The stack dev is locked.")
    with pytest.raises(Locked, match="postgres repaired, and Pulumi has not recorded it"):
        ledgers.repair(PRINTER, None, yes=True)
    stale = {**{file.name: file.checksum for file in FILES}, "001_a": "0" * 64}
    stack.one, stack.done, stack.update_fails = known(recorded={"migrations": stale}), [], None
    assert ledgers.repair(PRINTER, None, yes=True) == 0
    assert stack.done == [["postgres"]]
    assert capsys.readouterr().out.endswith("Pulumi's record of postgres is brought up to date.\n")
    stack.one, stack.done = known(), []
    assert ledgers.repair(PRINTER, None, yes=True) == 0
    assert stack.done == []


@pytest.mark.parametrize(
    "arguments", [["load", "postgres", "notes", "missing.csv"], ["migrate", "baseline", "postgres"]]
)
def test_a_mistake_in_the_command_is_a_document_as_well(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main([*arguments, "--json", "--stack", "prod"])
    told = json.loads(capsys.readouterr().out)
    assert (ended.value.code, told["exit"], told["stack"]) == (2, 2, "prod")
    assert "missing" in told["error"].lower() or "does not exist" in told["error"]


def with_way_back() -> Migration:
    return replace(FILES[2], down=Script("003_c.down.sql", "SELECT 1;\n"))
