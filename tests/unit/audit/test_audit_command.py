"""`./karen audit`: shown, verified and exported, with exit codes and documents."""

import json
import stat
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from backup.keys import fingerprint
from ops.audit import entries, keys, record
from ops.audit.session import recorded
from ops.cli.app import app
from tests.unit.audit.recording import OTHER_SEED, OTHER_SIGNER, SIGNER, STACK, put, written


def run(*arguments: str) -> Result:
    return CliRunner().invoke(
        app, ["audit", *arguments, "--stack", STACK], prog_name="./karen", env={"COLUMNS": "200", "NO_COLOR": "1"}
    )


def document(*arguments: str, code: int = 0) -> dict[str, Any]:
    done = run(*arguments, "--json")
    assert done.exit_code == code, done.output
    found: dict[str, Any] = json.loads(done.stdout)
    assert (found["schema"], found["stack"]) == (1, STACK)
    return found


@pytest.mark.parametrize("name", ["verify", "export", "show"])
def test_each_has_help_with_an_example(name: str) -> None:
    shown = CliRunner().invoke(app, ["audit", name, "--help"], prog_name="./karen", env={"COLUMNS": "300"})
    assert shown.exit_code == 0
    for words in (f"./karen audit {name}", "Exit codes: 0 done or clean", "--json", "--stack"):
        assert words in shown.output


@pytest.mark.parametrize("name", ["verify", "export", "show"])
def test_a_stack_that_was_never_made_has_no_record(name: str, home: Path) -> None:
    done = run(name)
    assert done.exit_code == 2
    assert done.stderr == f"No stack {STACK!r} was ever made here; allowed: none. Fix: name one with --stack\n"
    assert not home.exists()


@pytest.mark.usefixtures("stack_of_pulumi")
def test_before_the_first_command_there_is_nothing_but_what_was_done_directly() -> None:
    done = run("verify")
    assert done.stdout.splitlines()[-2:] == [
        f"{STACK} is not up: neither PostgreSQL nor the backups were asked", f"The record of {STACK} has no entries."
    ]  # fmt: skip
    assert done.exit_code == 2
    shown = run("show").stdout
    assert "pulumi update, directly" in shown
    assert shown.endswith("0 commands are recorded, and 1 updates that were made directly with Pulumi.\n")


def test_a_whole_record_of_a_stack_that_is_gone() -> None:
    written(4)
    found = document("verify", code=2)
    assert found["whole"]
    assert (found["problems"], found["signed"]) == ([], 4)
    # Nobody is left who could tell another record and another key from these.
    assert found["unasked"] == [f"{STACK} is not up: neither PostgreSQL, the backups nor Pulumi's key were asked"]
    told = f"whole as far as could be asked: 4 entries, signed by {fingerprint(SIGNER.public)}."
    assert found["message"] == f"The record of {STACK} is {told}"


def test_tampered_entries_are_shown_and_exported_as_far_as_they_can_be_read() -> None:
    odd: list[dict[str, Any]] = [
        {"event": "begin"},
        {"event": "begin", "run": "a", "arguments": 1, "user": "\ud800\x1b[31m[/x]", "command": ["x"]},
        {"event": "outcome", "run": "a", "seconds": "long", "facts": [1], "result": {}},
        {"event": "update", "direct": True},
        {"event": "update", "direct": False},
        {"event": "update", "direct": True, "changes": [], "began": 7},
        {"event": "else"},
    ]
    lines = written(2)
    put([*lines, *(entries.written({**one, "number": number}, None) for number, one in enumerate(odd, start=3))])
    shown = run("show")
    assert (shown.exit_code, "\x1b" in shown.stdout) == (0, False), shown.exception
    assert "[/x]" in shown.stdout
    assert len(document("show")["shown"]) == 7
    assert len(document("export")["entries"]) == 9
    verified = run("verify")
    assert (verified.exit_code, "\x1b" in verified.stdout) == (1, False), verified.exception


def test_an_edited_one_is_told_with_exit_code_1_and_stays_as_it_is() -> None:
    lines = written(4)
    lines[2] = lines[2].replace(b"somebody", b"nobody..")
    content = put(lines).read_bytes()
    done = run("verify")
    assert done.exit_code == 1
    assert "entry 3 is not as" in done.stdout
    assert done.stdout.endswith(f"The record of {STACK} is not what was written: 1 differences in 4 entries.\n")
    assert not document("verify", code=1)["whole"]
    assert record.path(STACK).read_bytes() == content


def test_what_is_written_anew_line_by_line_is_not_a_page_of_complaints() -> None:
    lines = written(60)
    put([lines[0], *(line.replace(b"somebody", b"nobody..") for line in lines[1:])])
    done = run("verify")
    assert done.exit_code == 1
    assert "… and 39 more" in done.stdout
    assert len(document("verify", code=1)["problems"]) == 59


@pytest.mark.usefixtures("stack_of_pulumi")
def test_pulumi_s_seed_decides_who_may_have_signed(home: Path) -> None:
    with recorded(STACK, "karen stop"):
        pass
    assert document("verify", code=2)["whole"]
    # Somebody writes record, kept key and the state's plain text anew: the seed is encrypted.
    record.path(STACK).unlink()
    keys.keep(STACK, OTHER_SEED)
    state = home / "state" / ".pulumi" / "stacks" / "ai-karen-db" / f"{STACK}.json"
    state.write_text(state.read_text().replace(SIGNER.public, OTHER_SIGNER.public))
    with recorded(STACK, "karen stop"):
        pass
    found = document("verify", code=1)
    assert found["problems"][-1].endswith(f"the stack's key is {fingerprint(SIGNER.public)}: it was written anew")


@pytest.mark.usefixtures("stack_of_pulumi")
def test_a_passphrase_that_is_gone_is_told_as_not_asked(home: Path) -> None:
    with recorded(STACK, "karen stop"):
        pass
    wrong = home / "passphrases" / STACK
    wrong.parent.mkdir()
    wrong.write_text("another")
    found = document("verify", code=2)
    assert found["whole"]
    assert "the passphrase is not the stack's" in found["unasked"][0]
    # Commands go on with the key that this machine keeps; without it nobody works.
    with recorded(STACK, "karen stop"):
        pass
    keys.path(STACK).unlink()
    done = CliRunner().invoke(app, ["migrate", "up", "--stack", STACK], prog_name="./karen")
    assert done.exit_code == 2
    assert "The key of the audit record cannot be had." in done.stderr
    assert "Fix: restore" in done.stderr


@pytest.mark.usefixtures("stack_of_pulumi")
def test_what_was_done_directly_is_shown_with_what_was_not(home: Path) -> None:
    before = document("verify", code=2)
    assert before["notices"][-1].startswith("1 updates of Pulumi's history are not in the record yet")
    with recorded(STACK, "karen stop", {"services": ["redis"]}):
        pass
    shown = run("show").stdout
    assert "pulumi update, directly" in shown
    assert "succeeded (create 1)" in shown
    assert "karen stop (services redis)" in shown
    assert "1 commands are recorded, and 1 updates that were made directly with Pulumi" in shown
    found = document("show", "--last", "1")
    assert [one["command"] for one in found["shown"]] == ["karen stop"]
    assert (found["commands"], found["direct"]) == (1, 1)
    assert found["shown"][0]["result"] == "done"


def test_an_export_is_verified_anywhere_with_the_public_key(tmp_path: Path, home: Path) -> None:
    lines = written(5)
    file = tmp_path / "audited.jsonl"
    assert run("export").stdout.encode() == b"".join(line + b"\n" for line in lines)
    done = run("export", "--write", str(file))
    assert done.exit_code == 0
    assert f"./karen audit verify --file {file} --public {SIGNER.public} --stack {STACK}\n" in done.stdout
    assert file.read_bytes() == record.path(STACK).read_bytes()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    again = run("export", "--write", str(file))
    assert again.exit_code == 2
    assert "cannot be written: File exists. Fix: name a file that is not there yet" in again.stderr
    told = document("export")
    assert (told["public"], len(told["entries"]), told["head"]["number"]) == (SIGNER.public, 5, 5)
    # Elsewhere.
    home.rename(tmp_path / "gone")
    assert run("verify", "--file", str(file), "--public", SIGNER.public).exit_code == 0
    assert run("verify", "--file", str(file), "--public", OTHER_SIGNER.public).exit_code == 1
    assert "nobody's key was given" in run("verify", "--file", str(file)).stdout
    file.write_bytes(file.read_bytes().replace(b"somebody", b"nobody.."))
    assert run("verify", "--file", str(file), "--public", SIGNER.public).exit_code == 1
    none = run("verify", "--file", str(file), "--public", "mine")
    assert none.exit_code == 2
    assert "--public is no key: 32 bytes in base64 are allowed" in none.stderr
    missing = run("verify", "--file", str(tmp_path / "none"))
    assert missing.exit_code == 2
    assert "cannot be read: No such file or directory. Fix: name a file of ./karen audit export" in missing.stderr
