"""What is known of an engine, compared without asking anybody: pending, problems, differences, and what would be lost."""

from datetime import UTC, datetime
from typing import Any

import pytest

from init.migrations import LedgerEntry, Migration, Problem, Script, checksum
from ops.cli.migrate.known import Known, after
from ops.cli.recorded import Record

BODIES = {"001_a": "SELECT 1;\n", "002_b": "SELECT 2;\n", "003_c": "SELECT 3;\n"}
FILES = tuple(Migration(name, checksum(body), Script(f"{name}.sql", body)) for name, body in BODIES.items())


def entry(name: str, **changes: Any) -> LedgerEntry:
    return LedgerEntry(name, checksum(BODIES[name]), datetime.fromtimestamp(0, UTC)).changed(**changes)


def known(*ledger: LedgerEntry, **changes: Any) -> Known:
    """Return an engine whose three files are applied and recorded, as far as the ledger and the changes do not say else."""
    entries = ledger or tuple(entry(name) for name in BODIES)
    applied = {one.name: one.checksum for one in entries if not one.dirty}
    recorded = {"target": "", "migrations": applied, "schema_version": max(applied, default="none")[:3], "seeds": "s"}
    answer = {
        "ledger": [one.document() for one in entries],
        "compared": True,
        "mirrored": True,
        "drift": [],
        "kept": {},
    }
    values: dict[str, Any] = {
        "engine": "postgres",
        "files": FILES,
        "pin": "",
        "record": Record("postgres", "urn", {**recorded, **changes.pop("recorded", {})}, changes.pop("verified", True)),
        "answer": {**answer, **changes.pop("answer", {})},
        "seeds": "s",
    }
    return Known(**{**values, **changes})


def kinds(one: Known) -> list[str]:
    return [kind for kind, _ in one.differences()]


def test_what_agrees_is_settled() -> None:
    one = known()
    assert one.differences() == []
    assert one.is_settled("")
    assert one.version == "003"
    assert not one.is_settled("002")


def test_what_is_pending_is_told_with_the_command_that_applies_it() -> None:
    one = known(entry("001_a"), entry("002_b"))
    assert one.differences() == [("pending", "postgres/003_c.sql: pending. Fix: ./karen migrate up postgres")]
    assert not one.is_settled("")
    assert known(entry("001_a"), entry("002_b"), pin="002", recorded={"target": "002"}).is_settled("002")


@pytest.mark.parametrize(
    ("changes", "kind"),
    [
        ({"answer": {"drift": ["index a was dropped: it was b"]}}, "drift"),
        ({"answer": {"compared": False}}, "not-compared"),
        ({"answer": {"mirrored": False}}, "not-mirrored"),
        ({"recorded": {"target": "002"}}, "not-recorded"),
        ({"recorded": {"schema_version": "002"}}, "not-recorded"),
        ({"recorded": {"migrations": {"001_a": checksum("other")}}}, "not-recorded"),
        ({"verified": False}, "not-recorded"),
        ({"file_problems": (Problem("gap", "x", "a gap"),)}, "gap"),
    ],
)
def test_each_difference_is_named(changes: dict[str, Any], kind: str) -> None:
    assert kinds(known(**changes)) == [kind]


def test_an_edited_file_is_a_difference_with_both_checksums() -> None:
    one = known(entry("001_a", checksum=checksum("before")), entry("002_b"), entry("003_c"))
    ((kind, sentence),) = one.differences()
    assert kind == "edited"
    assert checksum("before") in sentence
    assert FILES[0].checksum in sentence


def test_what_is_half_applied_is_told_as_that() -> None:
    one = known(entry("001_a"), entry("002_b"), entry("003_c", state="applying", step=2))
    assert one.differences() == [("half applied", "postgres/003_c.sql: half applied. Fix: ./karen migrate up postgres")]
    assert [dirty.step for dirty in one.dirty] == [2]
    assert kinds(known(entry("001_a"), entry("002_b"), entry("003_c", state="applying", error="no"))) == ["failed"]


def test_a_pin_that_no_file_has_is_a_problem() -> None:
    one = known(pin="007", recorded={"target": "007"})
    ((kind, sentence),) = one.differences()
    assert kind == "unknown-target"
    assert "ai-karen-db:postgresSchemaVersion is 007; there are 000, 001, 002, 003" in sentence


def test_the_version_below_counts_what_is_half_reverted() -> None:
    assert known().below() == "002"
    assert known(entry("001_a"), entry("002_b", state="reverting")).below() == "001"
    assert known(entry("001_a")).below() == "000"


def test_what_only_the_ledger_lacks_pulumi_would_not_see() -> None:
    migrations = {file.name: file.checksum for file in FILES}
    lost = known(entry("001_a"), recorded={"migrations": migrations})
    assert lost.is_unseen("")
    assert not lost.is_unseen("002")
    assert not known(entry("001_a")).is_unseen("")
    assert not known().is_unseen("")


def test_new_seeds_are_something_to_do() -> None:
    assert not known(seeds="other").is_settled("")


def test_why_an_engine_could_not_be_asked_is_told_with_the_fix() -> None:
    one = known(answer={"error": {"message": "not reachable", "fix": "start it"}, "ledger": []})
    assert one.error == "not reachable. Fix: start it"
    assert one.document()["error"] == one.error


def test_after_a_repair_the_job_s_ledger_counts() -> None:
    one = known(entry("001_a", checksum=checksum("before")), answer={"drift": ["x"], "mirrored": False})
    repaired = after(one, {"ledger": [entry("001_a").document()]})
    assert repaired.plan("001").problems == ()
    assert repaired.drift == []


def test_the_document_tells_everything() -> None:
    document = known(
        entry("001_a"), pin="001", answer={"kept": {"old": 1}, "counts": {"notes": 2}, "objects": 9}
    ).document()
    assert document["applied"] == ["001_a"]
    assert (document["version"], document["target"], document["pending"]) == ("001", "001", [])
    assert (document["kept"], document["counts"], document["objects"]) == ({"old": 1}, {"notes": 2}, 9)
    assert document["ledger"][0]["checksum"] == FILES[0].checksum
