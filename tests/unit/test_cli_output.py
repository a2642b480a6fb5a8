"""Output, pins and Pulumi's state: what is printed, asked and read, without a stack."""

import json
from pathlib import Path
from typing import Any

import pytest

from bootstrap import places
from ops.cli.errors import NotAsked, Refused
from ops.cli.migrate import pins, show
from ops.cli.migrate.update import told
from ops.cli.printer import Printer
from ops.cli.recorded import Recorded, revealed
from tests.unit.test_cli_known import FILES, entry, known

SECRET = "4dabf18193072939515e22adb298388d"


def test_a_result_is_on_standard_output_and_progress_is_not(capsys: pytest.CaptureFixture[str]) -> None:
    printer = Printer("dev", as_json=True)
    printer.say("for people")
    printer.progress("applied 001_a.sql")
    printer.end("Done.", {"changed": True})
    printed = capsys.readouterr()
    assert json.loads(printed.out) == {"schema": 1, "stack": "dev", "changed": True, "message": "Done."}
    # Who is asked for leave has to see for what.
    assert printed.err == "for people\napplied 001_a.sql\n"


def test_without_a_terminal_nothing_is_agreed_to() -> None:
    printer = Printer("dev")
    with pytest.raises(Refused, match="Fix: add --yes"):
        printer.agree("Go on?", yes=False)
    with pytest.raises(Refused, match="Fix: add --yes"):
        printer.agree_by_name("postgres", yes=False)
    printer.agree("Go on?", yes=True)
    printer.agree_by_name("postgres", yes=True)


@pytest.mark.parametrize(
    ("severity", "message", "text"),
    [
        ("info", "postgres: applied 001_a.sql in 0.01 s\n\n", "postgres: applied 001_a.sql in 0.01 s"),
        ("error", "Exception calling application: postgres: Locked: no\n", "postgres: Locked: no"),
        (
            "error",
            "pulumi-python:dynamic/karen:Initialization resource 'postgres-initialization': property migrations value"
            " {map[001_a:x]} has a problem: postgres/001_a.sql: edited. Fix: restore it\n",
            "postgres/001_a.sql: edited. Fix: restore it",
        ),
        ("error", "update failed\n", ""),
    ],
)
def test_what_pulumi_tells_is_shown_without_its_frame(severity: str, message: str, text: str) -> None:
    assert told({"diagnosticEvent": {"severity": severity, "message": message}}) == (severity, text)
    assert told({"summaryEvent": {}}) == ("", "")


@pytest.mark.parametrize(("pending", "code"), [(False, 0), (True, 0)])
def test_the_table_shows_every_engine_in_a_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, pending: bool, code: int
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "120")
    one = known(entry("001_a"), entry("002_b")) if pending else known()
    assert show.status([one], Printer("dev")) == code
    printed = capsys.readouterr().out
    assert "\x1b" not in printed
    assert "postgres" in printed
    assert ("postgres: 003_c.sql is pending" in printed) == pending
    assert printed.endswith("1 migration is pending.\n" if pending else "All is applied.\n")


def test_what_is_wrong_decides_the_exit_code(capsys: pytest.CaptureFixture[str]) -> None:
    silent = known(answer={"error": {"message": "not reachable", "fix": "start it"}, "ledger": []})
    assert show.status([known(), silent], Printer("dev")) == 2
    assert show.differences([known(), silent], Printer("dev")) == 2
    drifted = known(answer={"drift": ["index a was dropped"]})
    assert show.status([drifted], Printer("dev")) == 1
    assert show.differences([drifted], Printer("dev")) == 1
    assert show.differences([known()], Printer("dev")) == 0
    assert "Fix: change it back, or accept it: ./karen migrate repair postgres" in capsys.readouterr().out


def test_a_plan_tells_the_order_the_pin_and_every_problem(capsys: pytest.CaptureFixture[str]) -> None:
    one = known(entry("001_a"), pin="001")
    assert show.plan([one], {"postgres": ""}, Printer("dev")) == 0
    assert capsys.readouterr().out.splitlines() == [
        "postgres: ai-karen-db:postgresSchemaVersion would be latest (it is 001)",
        "postgres: 002_b.sql would be applied",
        "postgres: 003_c.sql would be applied",
        "2 migrations would be applied.",
    ]
    edited = known(entry("001_a", checksum="0" * 64))
    assert show.plan([edited], {"postgres": ""}, Printer("dev")) == 1


@pytest.mark.parametrize(("text", "version"), [("2", "002"), ("002", "002"), ("0", "000"), ("latest", "")])
def test_versions_are_three_digits(text: str, version: str) -> None:
    assert pins.version(text) == version


@pytest.mark.parametrize("text", ["", "two", "-1", "1000", "1.0", " 1"])
def test_other_versions_are_refused(text: str) -> None:
    with pytest.raises(NotAsked, match="allowed: a number"):
        pins.version(text)


def test_the_newest_version_needs_no_pin() -> None:
    assert pins.wanted("postgres", "003", FILES) == ""
    assert pins.wanted("postgres", "", FILES) == ""
    assert pins.wanted("postgres", "002", FILES) == "002"
    assert pins.wanted("postgres", "000", FILES) == "000"
    with pytest.raises(NotAsked, match="postgres has no version 007; allowed: 000, 001, 002, 003, latest"):
        pins.wanted("postgres", "007", FILES)


def test_pins_are_read_from_the_stack_s_configuration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(places, "CHECKOUT", tmp_path)
    assert pins.configuration("dev") == {}
    (tmp_path / "Pulumi.dev.yaml").write_text(
        'config:\n  ai-karen-db:postgresSchemaVersion: "002"\n  ai-karen-db:duckdbSchemaVersion: latest\n'
    )
    settings = pins.configuration("dev")
    assert [pins.pin(settings, engine) for engine in ("postgres", "duckdb", "milvus")] == ["002", "", ""]


def resource(kind: str, urn: str, outputs: dict[str, Any]) -> dict[str, Any]:
    return {"type": kind, "urn": urn, "outputs": outputs}


def test_records_are_read_from_pulumi_s_state_with_or_without_secrets() -> None:
    connection = {SECRET: "1b47061264138c4ac30d75fd1eb44270", "plaintext": '{"password": "p"}'}
    outputs = {"service": "postgres", "run": "r", "schema_version": "003", "migrations": {"001_a": "x"}, "target": ""}
    state = {
        "resources": [
            resource("pulumi:pulumi:Stack", "root", {"schema_versions": {"postgres": "003"}}),
            resource("pulumi-python:dynamic/karen:Initialization", "one", {**outputs, "connection": connection}),
            resource(
                "pulumi-python:dynamic/karen:Verification",
                "two",
                {
                    "runs": {"postgres": "r"},
                    "expected": {"postgres": "003"},
                    "report": {"postgres": {"server_version": "17.11"}, "etcd": {"server_version": "3.5.16"}},
                },
            ),
        ]
    }
    recorded = Recorded.parse("dev", state)
    record = recorded.records["postgres"]
    assert (record.urn, record.version, record.target, record.verified) == ("one", "003", "", True)
    assert (record.migrations, recorded.verification) == ({"001_a": "x"}, "two")
    assert record.properties["connection"] == {"password": "p"}
    assert recorded.server_versions == {"postgres": "17.11", "etcd": "3.5.16"}
    state["resources"][2]["outputs"]["runs"] = {"postgres": "an earlier one"}
    assert not Recorded.parse("dev", state).records["postgres"].verified
    assert revealed([{SECRET: "x", "ciphertext": "y"}]) == [None]


def test_a_state_without_engines_is_a_stack_that_is_not_up() -> None:
    with pytest.raises(NotAsked, match="make up STACK=dev"):
        Recorded.parse("dev", {})
