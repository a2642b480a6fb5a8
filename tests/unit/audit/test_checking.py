"""A record that was edited, shortened, reordered or written anew is never taken for what was written."""

import json
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from backup.keys import Signer
from ops.audit import entries, record
from ops.audit.checking import Anchor, Report, check
from ops.audit.keys import Keys
from tests.unit.audit.recording import KEYS, OTHER_SEED, OTHER_SIGNER, SEED, SIGNER, STACK, entry, put, written

TRUST = [SIGNER.public]


def checked(lines: Sequence[bytes], *anchors: Anchor, trusted: Sequence[str] = TRUST) -> Report:
    return check(lines, trusted=trusted, anchors=anchors)


def anchor(lines: Sequence[bytes], number: int, place: str = "PostgreSQL") -> Anchor:
    head = entries.head_of(list(lines[:number]))
    assert head is not None
    return Anchor(place=place, head=head)


def changed(line: bytes, **values: Any) -> bytes:
    """Return a line with other values, as an editor leaves it."""
    return json.dumps({**json.loads(line), **values}, sort_keys=True, separators=(",", ":")).encode()


def chained(lines: Sequence[bytes], signer: Signer | None) -> list[bytes]:
    """Write a record anew so that every line follows the one before, signed by somebody or by nobody."""
    found: list[bytes] = []
    for line in lines:
        document = {key: value for key, value in json.loads(line).items() if key not in ("signature", "signed_by")}
        if document["event"] == "key":
            document["public"] = signer.public if signer else ""
        previous = entries.digest(found[-1]) if found else entries.NOTHING
        found.append(entries.written({**document, "previous": previous}, signer))
    return found


def test_what_was_written_is_whole() -> None:
    lines = written(6)
    report = checked(lines, anchor(lines, 3), anchor(lines, 6), anchor(lines, 4, "set A"))
    assert report.problems == []
    assert report.head == entries.head_of(lines)
    assert (report.signed, report.key, report.anchored) == (6, SIGNER.public, {"PostgreSQL": 6, "set A": 4})
    assert len(report.notices) == 5
    assert report.notices[0] == "entry 2: karen stop by somebody@here has no outcome: it goes on, or was killed"
    assert checked([]).problems == []


@pytest.mark.parametrize("place", [0, 2, 5])
@pytest.mark.parametrize("field", ["user", "at", "number", "previous", "signature", "event", "stack", "signed_by"])
def test_an_edited_line_is_named(place: int, field: str) -> None:
    lines = written(6)
    value = 99 if field == "number" else "else"
    lines[place] = changed(lines[place], **{field: value})
    report = checked(lines)
    assert report.problems
    assert any(str(place + 1) in text for text in report.problems)


def test_any_other_byte_of_a_line_is_an_edit() -> None:
    lines = written(4)
    for cut in range(0, len(lines[2]), 7):
        other = lines[2][:cut] + bytes([lines[2][cut] ^ 1]) + lines[2][cut + 1 :]
        assert checked([*lines[:2], other, lines[3]]).problems, cut
    # The last line has nobody after it.
    for cut in range(0, len(lines[3]), 7):
        other = lines[3][:cut] + bytes([lines[3][cut] ^ 1]) + lines[3][cut + 1 :]
        assert checked([*lines[:3], other]).problems, cut


def twice(line: bytes) -> bytes:
    return line.replace(b"{", b'{"user":"mallory",', 1)


@pytest.mark.parametrize("last", [True, False])
@pytest.mark.parametrize(
    "edit",
    [
        twice,
        lambda line: line.replace(b":", b": ", 1),
        lambda line: line + b" ",
        lambda line: line.replace(b'"somebody"', b"NaN"),
        lambda line: line.replace(b'"somebody"', b"1e999"),
        lambda line: line.replace(b'"somebody"', b"[" * 100_000 + b"]" * 100_000),
        lambda line: line.replace(b'"somebody"', b"\xff"),
        lambda line: changed(line, run=["a"]),
        lambda line: changed(line, number=10**4299),
        lambda line: changed(line, number=True),
        lambda line: b"[]",
        lambda line: b"{}",
    ],
    ids=["twice", "space", "end", "nan", "infinite", "deep", "bytes", "run", "huge", "truth", "list", "empty"],
)
def test_a_line_is_what_is_signed_and_not_what_can_be_read_of_it(edit: Callable[[bytes], bytes], last: bool) -> None:
    lines = written(4)
    place = 3 if last else 2
    lines[place] = edit(lines[place])
    assert f"line {place + 1} is no entry: it was edited, or cut off while it was written" in checked(lines).problems


def test_a_key_s_entry_that_follows_nothing_is_told() -> None:
    lines = written(3)
    document = {"event": "key", "number": 4, "public": OTHER_SIGNER.public, "at": entries.now(), "stack": STACK}
    problems = checked([*lines, entries.written(document, OTHER_SIGNER)]).problems
    assert any("without its word" in text for text in problems)


def test_a_line_that_was_cut_off_and_signed_as_remains_is_noticed() -> None:
    path = put(lines := written(4))
    path.write_bytes(path.read_bytes()[:-40])
    record.append(STACK, [entry(9)], KEYS)
    report = checked(record.lines_of(STACK), anchor(lines, 3))
    assert report.problems == []
    assert report.notices[-1] == "entry 4: a line was cut off before it; what it said is lost"


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda lines: [*lines[:3], *lines[4:]], "line 4 is entry 5: entry 4 before it is missing"),
        (lambda lines: [*lines[:2], *lines[5:]], "line 3 is entry 6: entries 3 to 5 before it are missing"),
        (lambda lines: lines[1:], "line 1 is entry 2: entry 1 before it is missing"),
        (lambda lines: [*lines[:3], lines[4], lines[3], lines[5]], "line 5 is entry 4 and comes after entry 5"),
        (lambda lines: [*lines[:3], lines[2], *lines[3:]], "line 4 is entry 3 and comes after entry 3"),
        (lambda lines: [*lines[:3], b"", *lines[3:]], "line 4 is no entry"),
        (lambda lines: [*lines[:5], lines[5][:40]], "line 6 is no entry"),
    ],
    ids=["removed", "removed several", "removed the first", "swapped", "repeated", "empty", "cut"],
)
def test_removed_and_moved_lines_are_named(change: Callable[[list[bytes]], list[bytes]], told: str) -> None:
    problems = checked(change(written(6))).problems
    assert any(told in text for text in problems), problems


def test_a_tail_that_was_cut_off_is_known_to_whoever_was_told_of_it() -> None:
    lines = written(6)
    remembered = anchor(lines, 6)
    assert checked(lines[:4]).problems == []
    problem = "PostgreSQL remembers 6 entries, and 4 are there: the end was cut off"
    assert checked(lines[:4], remembered).problems == [problem]
    # Also when it has grown again.
    put(lines[:4])
    for number in range(10, 14):
        record.append(STACK, [entry(number)], KEYS)
    again = record.lines_of(STACK)
    assert checked(again).problems == []
    assert checked(again, anchor(lines, 4)).problems == []
    assert checked(again, remembered).problems[0].startswith("entry 6 is not the one that PostgreSQL remembers")


@pytest.mark.parametrize("signer", [OTHER_SIGNER, None], ids=["another key", "no key"])
def test_a_record_that_was_written_anew_without_the_key_is_seen(signer: Signer | None) -> None:
    lines = written(6)
    forged = chained([*lines[:3], changed(lines[3], user="nobody"), *lines[4:]], signer)
    assert checked(forged).problems
    assert "it was written anew" in checked(forged).problems[-1]
    # The next command goes on with the true key: from then on the key that followed without a word tells of it.
    put(forged)
    record.append(STACK, [entry(9)], KEYS)
    problems = checked(record.lines_of(STACK)).problems
    assert len(problems) == 1
    assert "written anew" in problems[0]
    assert "remembers another record" in checked(record.lines_of(STACK), anchor(lines, 5)).problems[-1]


def test_with_the_key_written_anew_is_seen_by_whoever_was_told_before() -> None:
    lines = written(6)
    forged = [*lines[:3], *chained_from(lines[2], [changed(lines[3], user="nobody"), *lines[4:]])]
    assert checked(forged).problems == []
    assert len(checked(forged, anchor(lines, 5), anchor(lines, 5, "set A")).problems) == 2


def chained_from(before: bytes, lines: Sequence[bytes]) -> list[bytes]:
    found = [before]
    for line in lines:
        document = {key: value for key, value in json.loads(line).items() if key not in ("signature", "signed_by")}
        found.append(entries.written({**document, "previous": entries.digest(found[-1])}, SIGNER))
    return found[1:]


def test_lines_that_somebody_appends_without_the_key_are_named() -> None:
    lines = written(3)
    common = {**entry(8), "number": 4, "at": entries.now(), "stack": STACK, "previous": entries.digest(lines[-1])}
    assert checked([*lines, entries.written(common, None)]).problems == ["entry 4 is not signed"]
    assert "entry 4 is not as" in checked([*lines, entries.written(common, OTHER_SIGNER)]).problems[0]


def test_a_new_key_follows_with_the_word_of_the_one_before() -> None:
    written(3)
    handed = Keys(signer=OTHER_SIGNER, before=SIGNER, seed=OTHER_SEED)
    record.append(STACK, [entry(5)], handed)
    lines = record.lines_of(STACK)
    assert checked(lines, trusted=[OTHER_SIGNER.public]).problems == []
    assert "the stack's key is" in checked(lines).problems[0]
    # The new key alone is no successor.
    put(lines[:3])
    record.append(STACK, [entry(5)], Keys(signer=OTHER_SIGNER, seed=OTHER_SEED))
    problems = checked(record.lines_of(STACK), trusted=[OTHER_SIGNER.public]).problems
    assert len(problems) == 1
    assert "without its word" in problems[0]


def test_before_a_stack_has_a_key_nothing_is_signed_and_the_first_one_vouches_for_it() -> None:
    record.append(STACK, [entry(1)], Keys())
    record.append(STACK, [entry(2)], Keys())
    assert check(record.lines_of(STACK)).problems == []
    record.append(STACK, [entry(3)], Keys(signer=SIGNER, seed=SEED))
    lines = record.lines_of(STACK)
    report = checked(lines)
    assert (report.problems, report.signed) == ([], 2)
    assert checked([lines[0], changed(lines[1], user="nobody"), *lines[2:]]).problems


def test_another_record_in_its_place_is_known_to_whoever_remembers_the_first() -> None:
    lines = written(5)
    record.path(STACK).unlink()
    other = written(6)
    assert checked(other).problems == []
    assert "PostgreSQL remembers another record of 5 entries" in checked(other, anchor(lines, 5)).problems[0]
    assert checked([], anchor(lines, 5)).problems
