"""What is pending, and every reason against it, from a ledger and the files alone."""

from datetime import UTC, datetime
from typing import Any

import pytest

from init.migrations import LedgerEntry, Migration, Script, checksum, compare, schema_version

AT = datetime(2026, 1, 2, 3, 4, 5, 678900, tzinfo=UTC)


def file(name: str, body: str | None = None) -> Migration:
    body = body or f"SELECT '{name}'"
    return Migration(name, checksum(body), Script(f"{name}.sql", body))


def recorded(migration: Migration, **changes: Any) -> LedgerEntry:
    return LedgerEntry(migration.name, migration.checksum, AT).changed(**changes)


FIRST, SECOND, THIRD = FILES = (file("001_a"), file("002_b"), file("003_c"))
ALL = tuple(recorded(one) for one in FILES)


def kinds(ledger: tuple[LedgerEntry, ...], files: tuple[Migration, ...], target: str | None = None) -> list[str]:
    return [problem.kind for problem in compare("postgres", ledger, files, target=target).problems]


def test_what_is_not_recorded_is_pending_in_order() -> None:
    plan = compare("postgres", [recorded(FIRST)], [THIRD, SECOND, FIRST])
    assert (plan.pending, plan.problems) == ((SECOND, THIRD), ())
    assert compare("postgres", [], FILES).pending == FILES
    assert compare("postgres", ALL, FILES).pending == ()


def test_a_target_ends_the_plan() -> None:
    assert compare("postgres", [], FILES, target="002").pending == (FIRST, SECOND)
    assert compare("postgres", [], FILES, target="000").pending == ()
    assert compare("postgres", ALL[:2], FILES, target="002").problems == ()


def test_what_is_half_applied_comes_first_and_is_no_problem() -> None:
    plan = compare("postgres", [ALL[0], recorded(SECOND, state="applying", step=2)], FILES)
    assert (plan.pending, plan.problems) == ((SECOND, THIRD), ())


@pytest.mark.parametrize(
    ("ledger", "files", "kind", "words"),
    [
        (ALL, (FIRST, file("002_b", "x"), THIRD), "edited", ["002_b.sql: edited after it was applied", "repair"]),
        (
            (ALL[0], recorded(SECOND, state="applying")),
            (FIRST, file("002_b", "x"), THIRD),
            "edited",
            ["002_b.sql: edited while it was half applied", "repair"],
        ),
        (ALL, (FIRST, SECOND), "deleted", ["003_c", THIRD.checksum, "gone", "restore"]),
        (ALL[:1], (), "deleted", ["001_a"]),
        (ALL, (FIRST, file("002_z", SECOND.up.body), THIRD), "renamed", ["002_z.sql", "applied as 002_b", "repair"]),
        # The file has another number now.
        (ALL[:2], (FIRST, file("003_b", SECOND.up.body)), "reordered", ["003_b.sql", "applied as 002_b", "repair"]),
        # A file was put in before applied ones; they were renumbered.
        (ALL[1:], FILES, "reordered", ["001_a.sql: comes before 003_c", "next number"]),
        (
            (ALL[0], recorded(SECOND, state="applying", step=3, error="no room")),
            FILES,
            "failed",
            ["002_b.sql: failed half-way: no room", "./karen migrate repair postgres"],
        ),
        (
            (ALL[0], recorded(SECOND, state="reverting")),
            FILES,
            "half-reverted",
            ["002_b.sql: half reverted", "down postgres --to 001"],
        ),
    ],
)
def test_a_ledger_that_does_not_fit_the_files_is_a_problem_with_a_fix(
    ledger: tuple[LedgerEntry, ...], files: tuple[Migration, ...], kind: str, words: list[str]
) -> None:
    (problem,) = compare("postgres", ledger, files).problems
    assert problem.kind == kind
    for word in [*words, "postgres/", "Fix: "]:
        assert word in str(problem)


def test_an_edit_names_both_hashes_in_full() -> None:
    (problem,) = compare("postgres", ALL[:1], [file("001_a", "x")]).problems
    assert FIRST.checksum in str(problem)
    assert checksum("x") in str(problem)


def test_a_failed_migration_that_was_edited_is_an_edit() -> None:
    ledger = (recorded(FIRST, state="applying", error="no room"),)
    assert kinds(ledger, (file("001_a", "x"),)) == ["edited"]


def test_two_files_that_changed_places_are_both_named() -> None:
    swapped = (file("002_c", THIRD.up.body), file("003_b", SECOND.up.body))
    assert kinds(ALL, (FIRST, *swapped)) == ["reordered", "reordered"]


def test_a_file_put_in_between_and_the_renumbered_ones_after_it_are_named() -> None:
    files = (FIRST, file("002_new"), file("003_b", SECOND.up.body))
    assert sorted(kinds(ALL[:2], files)) == ["reordered", "reordered"]


def test_a_file_in_place_of_a_deleted_one_is_not_taken_for_it() -> None:
    assert kinds(ALL, (FIRST, file("002_other"), THIRD)) == ["deleted", "reordered"]


def test_what_is_applied_above_the_target_is_named() -> None:
    (problem,) = compare("postgres", ALL, FILES, target="002").problems
    assert (problem.kind, problem.file) == ("above-target", "003_c.sql")
    assert "Fix: ./karen migrate down postgres --to 002" in str(problem)


def test_every_problem_is_named_at_once() -> None:
    ledger = (ALL[0], ALL[1], recorded(THIRD, state="applying", error="no room"))
    assert kinds(ledger, (file("001_a", "x"), THIRD)) == ["edited", "deleted", "failed"]


def test_the_schema_version_is_the_highest_applied_number() -> None:
    assert schema_version([ALL[1], ALL[0]]) == "002"
    assert schema_version([ALL[0], recorded(SECOND, state="applying")]) == "001"
    assert schema_version([]) == "none"


def test_an_entry_is_dirty_until_it_is_applied() -> None:
    assert [recorded(FIRST, state=state).dirty for state in ("applied", "applying", "reverting")] == [False, True, True]


def test_an_entry_is_the_same_after_its_way_through_a_document() -> None:
    entry = recorded(SECOND, duration=1.25, applied_by="one@two/3", state="applying", step=4, error="no room")
    document = entry.document()
    assert (document["migration_name"], document["dirty"], document["applied_at"]) == ("002_b", True, AT.isoformat())
    assert LedgerEntry.parse(document) == entry


def test_an_entry_of_an_earlier_release_is_read_as_applied() -> None:
    document = {"migration_name": "001_a", "checksum": FIRST.checksum, "applied_at": "2026-01-02T05:04:05.6789+02:00"}
    assert LedgerEntry.parse(document) == recorded(FIRST)
