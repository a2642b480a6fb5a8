"""Writing: one process at a time, all of it or nothing, and never over what is there."""

import errno
import json
import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from bootstrap import places
from ops.audit import entries, record
from ops.audit.checking import Anchor, check
from ops.audit.errors import RecordError
from ops.audit.keys import Keys, keep, kept_key, path
from tests.unit.audit.recording import KEYS, OTHER_SEED, OTHER_SIGNER, SEED, SIGNER, STACK, entry, put, written

WRITERS, EACH = 20, 25
WRITER = f"""
import sys
from ops.audit import keys, record
from tests.unit.audit.recording import STACK, entry
for number in range({EACH}):
    record.append(STACK, [entry(1000 * int(sys.argv[1]) + number)], keys.held(STACK, print))
    print(number, flush=True)
"""


def start(number: int, home: Path) -> "subprocess.Popen[str]":
    environment = {**os.environ, "KAREN_HOME": str(home), "PYTHONPATH": str(places.CHECKOUT)}
    return subprocess.Popen(
        [sys.executable, "-c", WRITER, str(number)], env=environment, stdout=subprocess.PIPE, text=True
    )


def test_twenty_writers_at_once_lose_nothing(home: Path) -> None:
    written(2)
    writers = [start(number, home) for number in range(1, WRITERS + 1)]
    # One of them is killed in the midst of it.
    assert writers[0].stdout is not None
    writers[0].stdout.readline()
    writers[0].send_signal(signal.SIGKILL)
    acknowledged = [len(writer.communicate()[0].split()) for writer in writers]
    assert acknowledged[1:] == [EACH] * (WRITERS - 1)
    lines = record.lines_of(STACK)
    assert check(lines, trusted=[SIGNER.public]).problems == []
    runs = {json.loads(line).get("run") for line in lines}
    for number in range(2, WRITERS + 1):
        assert {f"{1000 * number + one:032x}" for one in range(EACH)} <= runs
    assert len(lines) >= 2 + (WRITERS - 1) * EACH + acknowledged[0]


def test_it_is_its_user_s_alone() -> None:
    written(3)
    assert stat.S_IMODE(record.path(STACK).stat().st_mode) == 0o600
    assert stat.S_IMODE(path(STACK).stat().st_mode) == 0o600
    assert stat.S_IMODE(record.path(STACK).parent.stat().st_mode) == 0o700
    found = kept_key(STACK)
    assert found is not None
    assert found.public == SIGNER.public
    assert SEED not in record.path(STACK).read_text()


def test_lines_that_are_there_are_never_written_again() -> None:
    before = b"\n".join(written(4))
    record.append(STACK, [entry(9)], KEYS)
    assert record.path(STACK).read_bytes().startswith(before + b"\n")


def test_what_does_not_fit_on_the_disk_is_not_there_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    before = written(3)
    write = os.write

    def full(file: int, content: bytes) -> int:
        if len(content) > 60:
            return write(file, content[:60])
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", full)
        with pytest.raises(RecordError, match=r"cannot be written: No space left on device\. Fix: free space"):
            record.append(STACK, [entry(9)], KEYS)
    assert record.lines_of(STACK) == before
    record.append(STACK, [entry(9)], KEYS)
    assert check(record.lines_of(STACK), trusted=[SIGNER.public]).problems == []


def test_a_line_that_was_cut_off_is_kept_as_remains() -> None:
    lines = written(4)
    path = put(lines)
    with path.open("ab") as file:
        file.write(lines[3][:50])
    record.append(STACK, [entry(9)], KEYS)
    now = record.lines_of(STACK)
    assert now[:4] == lines
    assert [json.loads(line)["event"] for line in now[4:]] == ["remains", "begin"]
    assert json.loads(now[4])["text"] == lines[3][:50].decode()
    assert check(now, trusted=[SIGNER.public]).problems == []


def test_cutting_into_the_last_line_is_no_way_to_remove_it() -> None:
    lines = written(4)
    head = entries.head_of(lines)
    assert head is not None
    path = put(lines)
    os.truncate(path, path.stat().st_size - 10)
    record.append(STACK, [entry(9)], KEYS)
    report = check(record.lines_of(STACK), trusted=[SIGNER.public], anchors=[Anchor(place="PostgreSQL", head=head)])
    assert report.problems == ["entry 4 is not the one that PostgreSQL remembers: it, or one before it, was changed"]


def test_a_key_that_another_process_has_just_taken_over_is_used() -> None:
    written(3)
    record.append(STACK, [entry(5)], Keys(signer=OTHER_SIGNER, before=SIGNER, seed=OTHER_SEED))
    # This one asked which key it is before that.
    record.append(STACK, [entry(6)], KEYS)
    assert check(record.lines_of(STACK), trusted=[OTHER_SIGNER.public]).problems == []


def test_a_key_that_is_none_is_named_with_the_fix() -> None:
    written(2)
    path(STACK).write_text("nonsense")
    with pytest.raises(RecordError, match=r"cannot be read: it is no seed\. Fix: restore it") as caught:
        kept_key(STACK)
    assert "nonsense" not in str(caught.value)
    keep(STACK, SEED)
    assert kept_key(STACK) is not None


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    target = tmp_path / "elsewhere"
    target.write_text("not ours")
    record.path(STACK).parent.mkdir(parents=True)
    record.path(STACK).symlink_to(target)
    with pytest.raises(RecordError, match="cannot be written"):
        record.append(STACK, [entry(1)], Keys())
    assert target.read_text() == "not ours"


@pytest.mark.parametrize("stack", ["../dev", "a/b", "", "..", "x" * 101])
def test_a_stack_s_name_is_never_a_path(stack: str, home: Path) -> None:
    (home / "state").mkdir(parents=True)
    assert not record.concerns(stack)
