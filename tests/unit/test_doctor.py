"""`./karen doctor` where nothing was made yet, and where something is wrong that needs no stack to be seen."""

import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from bootstrap import places
from ops.cli.app import app
from ops.cli.doctor import examine
from ops.cli.doctor.model import Finding, Patient


def run(*arguments: str, code: int) -> dict[str, Any]:
    result = CliRunner().invoke(app, ["doctor", "--stack", "nowhere", "--json", *arguments])
    assert result.exit_code == code, result.output
    found: dict[str, Any] = json.loads(result.stdout)
    return found


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine on which nothing was made, and where no engine of containers answers."""
    monkeypatch.setenv("KAREN_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path / 'no.sock'}")
    # Of these the environment's place is computed.
    shutil.copy(places.CHECKOUT / "requirements.txt", tmp_path)
    monkeypatch.setattr(places, "CHECKOUT", tmp_path)
    (tmp_path / "Pulumi.dev.passphrase").write_text("public")
    return tmp_path


def test_there_are_enough_checks_each_with_a_sentence() -> None:
    assert len(examine.CHECKS) >= 15
    assert all(check.__doc__ for check in examine.CHECKS)


@pytest.mark.usefixtures("machine")
def test_without_an_engine_the_rest_is_told_all_the_same() -> None:
    found = run(code=1)
    by_name = {one["check"]: one for one in found["findings"]}
    assert by_name["engine"]["status"] == "problem"
    assert by_name["engine"]["fix"] == "make bootstrap"
    assert by_name["plugins"]["status"] == "problem"
    assert by_name["state"]["status"] == "warning"
    assert by_name["configuration"]["status"] == "ok"
    assert all(one["fix"] for one in found["findings"] if one["status"] == "problem")
    # The worst comes first.
    assert [one["status"] for one in found["findings"]] == sorted(
        (one["status"] for one in found["findings"]), key=["problem", "unknown", "warning", "ok"].index
    )


def test_a_lock_is_told_with_who_holds_it(machine: Path) -> None:
    locks = machine / "home" / "state" / ".pulumi" / "locks" / "organization" / "ai-karen-db" / "nowhere"
    locks.mkdir(parents=True)
    lock = {"pid": os.getpid(), "hostname": os.uname().nodename, "timestamp": "2026-01-01"}
    (locks / "one.json").write_text(json.dumps(lock))
    (told,) = [one for one in run(code=1)["findings"] if one["check"] == "lock"]
    assert "has ended and left its lock" in told["message"]
    (locks / "one.json").write_text(json.dumps({**lock, "hostname": "another"}))
    (told,) = [one for one in run(code=1)["findings"] if one["check"] == "lock"]
    assert "pulumi cancel --stack nowhere" in told["fix"]


def test_a_passphrase_that_others_can_read_is_a_problem(machine: Path) -> None:
    path = machine / "home" / "passphrases" / "nowhere"
    path.parent.mkdir(parents=True)
    path.write_text("secret")
    path.chmod(0o644)
    (told,) = [one for one in run(code=1)["findings"] if one["check"] == "passphrase"]
    assert told["fix"] == f"chmod 600 {path}"
    assert "secret" not in json.dumps(told).replace("passphrases", "")


def test_what_is_wrong_with_the_configuration_is_told_with_its_fix(machine: Path) -> None:
    (machine / "Pulumi.nowhere.yaml").write_text("config:\n  ai-karen-db:redisMemory: 1m\n")
    (told,) = [one for one in run(code=1)["findings"] if one["check"] == "configuration"]
    assert told["fix"] == "pulumi config set ai-karen-db:redisMemory 32m"


def test_a_check_that_fails_is_a_finding_too() -> None:
    def broken(_: Patient) -> Any:
        raise RuntimeError("no")

    assert examine._guarded(broken, Patient("dev", None)) == [
        Finding("broken", "unknown", "the check failed: RuntimeError: no")
    ]
