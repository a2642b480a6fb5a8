"""`./karen doctor` where nothing was made yet, and where something is wrong that needs no stack to be seen."""

import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from bootstrap import places
from components import engine_proxy
from components.settings import Settings
from components.sizes import parse_size
from ops.cli.app import app
from ops.cli.doctor import engines, examine
from ops.cli.doctor import machine as machine_checks
from ops.cli.doctor.model import Check, Finding, Patient
from tests.unit.test_cli_known import known


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
    assert told["fix"] == "pulumi config set ai-karen-db:redisMemory 32m --stack nowhere"


def test_a_check_that_fails_is_a_finding_too() -> None:
    def broken(_: Patient) -> Any:
        raise RuntimeError("no")

    (found,) = examine._guarded(broken, Patient("dev", None))
    assert (found.status, found.message) == ("unknown", "the check failed: RuntimeError: no")
    assert found.fix


REFUSED = {"kind": "AuthenticationFailed", "message": "minio: InvalidAccessKeyId", "fix": "give it the configured keys"}


@pytest.mark.parametrize(
    ("engine", "error", "check", "words", "fix"),
    [
        (
            "redis",
            {"kind": "ConnectionFailed", "message": "redis: Connection refused", "fix": "start it"},
            "engines",
            "redis: Connection refused",
            "start it",
        ),
        (
            "duckdb",
            {"kind": "ConnectionFailed", "message": "postgres: connection to server failed: refused", "fix": ""},
            "engines",
            "postgres: connection",
            "./karen logs postgres --stack dev",
        ),
        ("minio", REFUSED, "passwords", "minio does not accept what Pulumi generated", "make erase STACK=dev"),
        (
            "milvus",
            {**REFUSED, "message": "postgres: password authentication failed"},
            "passwords",
            "postgres does not",
            "restore the stack's state",
        ),
        (
            "postgres",
            {**REFUSED, "message": 'postgres: database "ai_karen" does not exist', "fix": "restore it"},
            "engines",
            "postgres: database",
            "restore it",
        ),
        ("milvus", {"message": "no", "fix": ""}, "engines", "milvus: no", "./karen logs milvus"),
    ],
)
def test_only_a_refused_password_is_told_as_one(
    engine: str, error: dict[str, str], check: str, words: str, fix: str
) -> None:
    one = known(engine=engine, answer={"error": error, "ledger": []})
    found = engines._silent(one, "dev")
    assert (found.check, found.status) == (check, "problem")
    assert found.message.startswith(words)
    assert fix in found.fix
    # To erase is no advice but for a volume that nobody can open.
    assert ("erase" in found.fix) == (check == "passwords")


def test_what_nobody_could_tell_is_not_healthy(monkeypatch: pytest.MonkeyPatch) -> None:
    for status, code in (("ok", 0), ("warning", 0), ("unknown", 2), ("problem", 1)):
        checks = (told("ok"), told(status))
        monkeypatch.setattr(examine, "CHECKS", checks)
        monkeypatch.setattr("ops.cli.doctor.stack.configuration", checks[0])
        assert run(code=code)["healthy"] == (code == 0)


def told(status: Any) -> Check:
    def check(_: Patient) -> Any:
        yield Finding("check", status, "told")

    return check


def test_the_memory_of_what_works_beside_the_engines_counts() -> None:
    def wanted(settings: dict[str, str]) -> int:
        patient = Patient("dev", None)
        patient.settings, patient.info = Settings.parse(settings), {"MemTotal": 1024**4}
        (found,) = machine_checks.memory(patient)
        return parse_size(found.message.split()[4].removesuffix(";"))

    assert machine_checks.PROXY_MEMORY == engine_proxy.MEMORY
    more = wanted({"enableMonitoring": "true", "monitoringMemory": "300m"}) - wanted({})
    assert more == parse_size("300m") + engine_proxy.MEMORY
    assert wanted({"enableBackups": "true", "backupMemory": "500m"}) - wanted({}) == parse_size("500m")
    assert wanted({"relayMemory": "300m"}) - wanted({"enableRelay": "false"}) == parse_size("300m")
