"""`./karen preview`: where there is nothing to compare with it says so in one sentence, and never makes a wrong diff."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from bootstrap import places, state
from ops.cli.app import app
from ops.cli.preview import command, making
from ops.cli.preview.masking import Mask
from policy.graph import VOLUME
from tests.unit.preview.steps import document, step
from tests.unit.preview.steps import state as resource

CHECKPOINT = {"checkpoint": {"latest": {"resources": [{"type": "pulumi:pulumi:Stack"}]}}}


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["preview", "--stack", "test-unit", *arguments], env={"NO_COLOR": "1"})


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine with the state of a stack, and a checkout with its configuration; Pulumi is never started."""

    def started(*_: Any, **__: Any) -> None:
        pytest.fail("Pulumi was started")

    monkeypatch.setenv("KAREN_HOME", str(tmp_path))
    monkeypatch.setattr(places, "CHECKOUT", tmp_path)
    monkeypatch.setattr(making, "start", started)
    path = state.stack_file("test-unit")
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps(CHECKPOINT))
    (tmp_path / "Pulumi.test-unit.yaml").write_text("encryptionsalt: v1:a\nconfig: {}\n")
    return tmp_path


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What Pulumi prints, to be filled by a test."""
    printed: dict[str, Any] = {}
    monkeypatch.setattr(command, "make", lambda _: (printed, Mask()))
    return printed


@pytest.mark.parametrize("checkpoint", [None, {}, {"resources": []}])
def test_without_a_state_there_is_one_sentence(machine: Path, checkpoint: dict[str, Any] | None) -> None:
    path = state.stack_file("test-unit")
    path.unlink() if checkpoint is None else path.write_text(json.dumps({"checkpoint": {"latest": checkpoint}}))
    done = run()
    assert done.exit_code == 2
    assert done.stdout == ""
    assert done.stderr.startswith(f"Nothing is recorded of the stack test-unit in {path}: compared with nothing")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("text", [None, "", "config: {}\n"])
def test_without_a_configuration_pulumi_would_write_one(machine: Path, text: str | None) -> None:
    file = machine / "Pulumi.test-unit.yaml"
    file.unlink() if text is None else file.write_text(text)
    done = run()
    assert done.exit_code == 2
    assert "Pulumi.test-unit.yaml is missing, or has no encryptionsalt" in done.stderr
    assert file.exists() == (text is not None)


def test_while_an_update_runs_there_is_no_preview(machine: Path) -> None:
    locks = machine / "state" / ".pulumi" / "locks" / "organization" / "ai-karen-db" / "test-unit"
    locks.mkdir(parents=True)
    (locks / "a.json").write_text(json.dumps({"pid": 1, "hostname": "elsewhere", "timestamp": "now"}))
    done = run()
    assert done.exit_code == 1
    assert "is being changed by process 1 on elsewhere" in done.stderr


def test_why_there_is_no_preview_is_a_comment_as_well(machine: Path) -> None:
    state.stack_file("test-unit").unlink()
    done = run("--markdown")
    assert done.exit_code == 2
    assert done.stdout.startswith("<!-- karen preview: test-unit -->\n## There is no preview of test-unit\n")
    assert "in $KAREN_HOME/state/" in done.stdout
    assert str(machine) not in done.stdout


def test_one_form_at_a_time(machine: Path) -> None:
    done = run("--markdown", "--json")
    assert done.exit_code == 2
    assert "two forms of the same answer" in done.output


@pytest.mark.parametrize(
    ("steps", "told", "code"),
    [
        ([step("delete", resource(VOLUME, "redis-data"), None)], (), 0),
        ([step("create", None, resource(VOLUME, "redis-data"))], (), 1),
        ([], (("error", "error: postgresMemory is 1m"),), 1),
    ],
    ids=["data at risk", "a rule broken", "refused"],
)
def test_a_broken_rule_and_a_refusal_fail_and_a_risk_does_not(
    made: dict[str, Any], steps: list[dict[str, Any]], told: tuple[tuple[str, str], ...], code: int
) -> None:
    made.update(document(*steps, told=told))
    for form in ([], ["--markdown"], ["--json"]):
        assert run(*form).exit_code == code, form


def test_a_secret_is_masked_before_anything_of_it_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    told = document(told=(("error", "error: refused  canary``` and two  spaces"),))
    monkeypatch.setattr(command, "make", lambda _: (told, Mask(["canary``` and two  spaces"])))
    for form in ([], ["--markdown"], ["--json"]):
        printed = run(*form).output
        assert "refused  [secret]" in printed, form
        assert "canary" not in printed, form


def test_a_broken_rule_is_told_first_with_its_name_and_fix(made: dict[str, Any]) -> None:
    made.update(document(step("create", None, resource(VOLUME, "redis-data")), mode="production"))
    printed = run().stdout
    assert printed.index("Policy") < printed.index("Safe") < printed.index("Preview of test-unit: 2 violations")
    assert "- **protection** (`redis-data`): is not protected. " in printed
    assert "Fix: declare it with `context.protected(parent)`." in printed
    found = json.loads(run("--json").stdout)
    assert (found["schema"], found["stack"]) == (1, "test-unit")
    assert [one["rule"] for one in found["violations"]] == ["labels", "protection"]
