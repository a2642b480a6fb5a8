"""Chains of segments: what belongs to them, how far they go, and that nothing in them can be changed unseen."""

import base64
import random
import time
from dataclasses import replace
from pathlib import Path

import pytest

from backup.keys import Signer
from backup.model import Taken
from backup.targets.directory import Directory
from backup.wal import segments
from backup.wal.archive import Archive
from backup.wal.coverage import Coverage, Sample
from backup.wal.sidecar import Sidecar
from backup.wal.source import ArchivedSource, chain
from init.protocol import Failure

pyrage = pytest.importorskip("pyrage")
_SIZE = 1 << 16
_NAMES = [f"0000000100000000000000{number:02X}" for number in range(0x10, 0x16)]
_IDENTITY = pyrage.x25519.Identity.generate()
_SIGNER = Signer(base64.b64encode(bytes(32)).decode())
_BYTES = random.Random(1).randbytes(_SIZE)  # noqa: S311 - contents, not a secret


class Nothing:
    """A set without files."""

    names: tuple[str, ...] = ()

    def file(self, name: str) -> None:
        raise KeyError(name)


@pytest.fixture
def archive(tmp_path: Path) -> Archive:
    (tmp_path / "target").mkdir()
    target = Directory(tmp_path / "target")
    return Archive(target, "dev", trust=(_SIGNER.public,), recipient=str(_IDENTITY.to_public()), signer=_SIGNER)


@pytest.fixture
def added(archive: Archive, tmp_path: Path) -> list[Sidecar]:
    """Six segments; what was committed until 100, 110, … is in them."""
    return fill(archive, tmp_path, archive.begin("77", 1), _NAMES)


def fill(archive: Archive, tmp_path: Path, name: str, names: list[str]) -> list[Sidecar]:
    last, sidecars = None, []
    for number, segment in enumerate(names):
        file = tmp_path / segment
        file.write_bytes(_BYTES)
        last = archive.add(name, file, last, complete_to=100.0 + 10 * number + time.time())
        sidecars.append(last)
    return sidecars


def taken(last: str = _NAMES[1], **details: object) -> Taken:
    now = time.time()
    return Taken(
        tool="",
        server_version="",
        schema_version="",
        counts={},
        checksums={},
        began=now,
        ended=now,
        details={"system": "77", "timeline": 1, "segment": last, **details},
    )


def test_names_and_positions_are_postgresql_s() -> None:
    # select pg_walfile_name('1/ff000000'::pg_lsn + 1)
    assert segments.start("0000000200000001000000FF", 1 << 24) == segments.position("1/FF000000")
    assert segments.following("0000000200000001000000FF", 1 << 24) == "000000020000000200000000"
    assert segments.timeline("0000000A0000000100000001") == 10
    assert not segments.is_segment("0000000200000001000000FF.partial")


def test_a_chain_goes_on_from_a_set_to_the_moment(archive: Archive, added: list[Sidecar]) -> None:
    found = chain(archive, taken(), until=time.time() + 125)
    assert [one.segment for one in found] == _NAMES[2:4]
    source = ArchivedSource(Nothing(), archive, str(_IDENTITY), taken=taken(), until=time.time() + 125)  # type: ignore[arg-type]
    assert source.names == tuple(f"wal/{name}" for name in _NAMES[2:4])
    with source.file(f"wal/{_NAMES[2]}") as stream:
        assert stream.read() == _BYTES


def test_how_far_the_log_goes_is_told(archive: Archive, added: list[Sidecar]) -> None:
    until = time.time() + 1000
    with pytest.raises(Failure, match="archived up to -8") as caught:
        chain(archive, taken(), until)
    assert caught.value.kind == "NotArchived"
    archive.advance(added[-1], complete_to=until + 1)
    assert [one.segment for one in chain(archive, taken(), until)] == _NAMES[2:]
    assert not chain(archive, taken(_NAMES[-1]), until)
    with pytest.raises(Failure, match="before the end of the set"):
        chain(archive, taken(), until=time.time() - 60)
    with pytest.raises(Failure, match="no log was archived"):
        chain(archive, taken(system="78"), until)


@pytest.mark.parametrize("suffix", ["json", "zst.age"])
def test_a_missing_file_is_named(archive: Archive, added: list[Sidecar], suffix: str) -> None:
    archive.target.remove(f"{archive.place(added[3].chain)}/{_NAMES[3]}.{suffix}")
    with pytest.raises(Failure, match=f"{_NAMES[3]}.*is missing") as caught:
        chain(archive, taken(), until=time.time() + 150)
    assert caught.value.kind == "Damaged"


def test_the_last_one_cannot_go_unseen(archive: Archive, added: list[Sidecar]) -> None:
    archive.advance(added[-1], complete_to=time.time() + 1000)
    for suffix in ("json", "zst.age"):
        archive.target.remove(f"{archive.place(added[5].chain)}/{_NAMES[5]}.{suffix}")
    with pytest.raises(Failure, match=f"{_NAMES[5]}: it is missing"):
        chain(archive, taken(), until=time.time() + 900)


def test_fifty_flipped_bytes_are_fifty_refusals_by_name(archive: Archive, added: list[Sidecar], tmp_path: Path) -> None:
    directory = tmp_path / "target" / archive.place(added[0].chain)
    files = [directory / f"{name}.{suffix}" for name in _NAMES[2:4] for suffix in ("json", "zst.age")]
    source = random.Random(7)  # noqa: S311 - where to flip
    for _ in range(50):
        file = source.choice(files)
        whole = file.read_bytes()
        at = source.randrange(len(whole))
        file.write_bytes(whole[:at] + bytes([whole[at] ^ 1 << source.randrange(8)]) + whole[at + 1 :])
        with pytest.raises(Failure, match=file.name) as caught:
            read_all(archive)
        assert caught.value.kind in ("Damaged", "NotTrusted"), (file.name, at)
        file.write_bytes(whole)
    read_all(archive)


def read_all(archive: Archive) -> None:
    source = ArchivedSource(Nothing(), archive, str(_IDENTITY), taken=taken(), until=time.time() + 125)  # type: ignore[arg-type]
    for name in source.names:
        with source.file(name) as stream:
            stream.read()


def swap(directory: Path, *suffixes: str) -> None:
    for suffix in suffixes:
        first, second = (directory / f"{name}.{suffix}" for name in _NAMES[2:4])
        kept = first.read_bytes()
        first.write_bytes(second.read_bytes())
        second.write_bytes(kept)


@pytest.mark.parametrize("suffixes", [("json",), ("zst.age",), ("json", "zst.age")])
def test_segments_in_each_other_s_place_are_refused(
    archive: Archive, added: list[Sidecar], tmp_path: Path, suffixes: tuple[str, ...]
) -> None:
    swap(tmp_path / "target" / archive.place(added[0].chain), *suffixes)
    with pytest.raises(Failure, match=_NAMES[2]):
        read_all(archive)


def test_one_of_another_run_does_not_follow(archive: Archive, added: list[Sidecar], tmp_path: Path) -> None:
    file = tmp_path / _NAMES[3]
    archive.add(added[0].chain, file, replace(added[2], archived=1.0), complete_to=added[3].complete_to)
    with pytest.raises(Failure, match=f"{_NAMES[3]}: it does not follow the one before"):
        read_all(archive)


def test_a_key_that_is_not_trusted_is_named(archive: Archive, added: list[Sidecar]) -> None:
    with pytest.raises(Failure, match="which is not trusted"):
        chain(Archive(archive.target, "dev", trust=()), taken(), until=time.time() + 110)


def test_pruning_keeps_what_the_oldest_set_needs(archive: Archive, tmp_path: Path) -> None:
    old = fill(archive, tmp_path, archive.begin("77", 1), _NAMES[:2])
    current = archive.begin("77", 2)
    new = fill(archive, tmp_path, current, _NAMES[:3])
    assert archive.prune(before=old[0].archived) == 0
    assert archive.prune(before=new[1].archived) == 3
    assert archive.chains() == [current]
    assert archive.names(current) == _NAMES[1:3]
    assert archive.prune(before=time.time() + 1000) == 1
    assert archive.last(current) == new[2]


def test_what_a_killed_write_has_left_goes_and_whole_segments_stay(archive: Archive, tmp_path: Path) -> None:
    current = archive.begin("77", 2)
    fill(archive, tmp_path, current, _NAMES[:2])
    # Of the first segment of a chain nothing may be whole.
    for chain_ in (current, archive.begin("77", 1), archive.begin("78", 1)):
        directory = tmp_path / "target" / archive.place(chain_)
        directory.mkdir(parents=True, exist_ok=True)
        (directory / f".{_NAMES[2]}.zst.age.0123abcd.unfinished").write_bytes(b"half")
    assert archive.sweep("77") == 2
    assert archive.names(current) == _NAMES[:2]
    assert sorted(path.name[:4] for path in (tmp_path / "target/dev/wal").iterdir()) == ["77-2", "78-1"]


def sampled(coverage: Coverage, *samples: tuple[float, int, str]) -> Coverage:
    for at, position, snapshot in samples:
        coverage.add(Sample(at=at, position=position, snapshot=snapshot))
    return coverage


@pytest.mark.parametrize(
    ("samples", "end", "complete_to", "covered"),
    [
        ([(1.0, 50, "1:1:"), (2.0, 60, "2:2:")], 55, 1.0, False),
        ([(1.0, 50, "1:1:"), (2.0, 60, "2:2:")], 60, 2.0, False),
        ([(1.0, 50, "1:1:")], 40, 0.0, False),
    ],
)
def test_a_segment_covers_what_was_in_the_log_before_its_end(
    samples: list[tuple[float, int, str]], end: int, complete_to: float, covered: bool
) -> None:
    coverage = sampled(Coverage(), *samples)
    assert coverage.archived(end) == complete_to
    assert coverage.covered is covered


def test_where_nothing_is_committed_nothing_waits() -> None:
    coverage = sampled(Coverage(), (1.0, 50, "1:1:"))
    assert (coverage.lag(4.0), coverage.waiting(4.0), coverage.behind) == (3.0, 3.0, 50)
    coverage.switched(3.0)
    assert (coverage.lag(4.0), coverage.waiting(4.0)) == (3.0, 1.0)
    coverage.archived(64)
    sampled(coverage, (5.0, 70, "1:1:"))
    assert (coverage.covered, coverage.complete_to, coverage.lag(5.0), coverage.behind) == (True, 5.0, 0.0, 0)
    sampled(coverage, (6.0, 80, "2:2:"))
    assert (coverage.covered, coverage.complete_to, coverage.lag(7.0), coverage.behind) == (False, 5.0, 1.0, 16)


def test_a_chain_that_somebody_else_has_signed_is_left_alone(archive: Archive, tmp_path: Path) -> None:
    theirs = archive.begin("77", 1)
    fill(archive, tmp_path, theirs, _NAMES[:2])
    ours = Archive(archive.target, "dev", trust=(Signer(base64.b64encode(bytes(31) + b"\1").decode()).public,))
    assert ours.prune(before=time.time() + 1000) == 0
    assert archive.names(theirs) == _NAMES[:2]
