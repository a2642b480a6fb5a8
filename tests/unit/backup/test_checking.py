"""A check finds whatever is not as it was made, and names it."""

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from backup.checking import check
from backup.model import Manifest
from backup.sets import find, root_of
from backup.targets.directory import Directory
from init.protocol import Failure
from tests.unit.backup.making import FILES, IDENTITY, OTHER_IDENTITY, STACK, TRUST, directory, made


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("target")


@pytest.fixture(scope="module")
def target(place: Path) -> Directory:
    return directory(place)


@pytest.fixture(scope="module")
def manifest(target: Directory) -> Manifest:
    return made(target)


@pytest.fixture
def restored(place: Path, manifest: Manifest) -> Iterator[dict[str, Path]]:
    """Return the set's files by path; after the test they are as they were."""
    root = place / root_of(STACK, manifest.id)
    files = {path.relative_to(root).as_posix(): path for path in root.rglob("*") if path.is_file()}
    before = {path: path.read_bytes() for path in files.values()}
    yield files
    for path, content in before.items():
        path.write_bytes(content)


def damage(target: Directory, manifest: Manifest, identity: str | None) -> str:
    with pytest.raises(Failure) as caught:
        check(target, find(target, STACK, TRUST, manifest.id), print, identity)
    assert caught.value.kind == "Damaged"
    return caught.value.message


def test_a_set_as_it_was_made_is_read_to_its_end(target: Directory, manifest: Manifest) -> None:
    report = check(target, manifest, print)
    sizes = [file.stored for file in manifest.files]
    assert (report.files, report.stored, report.plain, report.extra) == (5, sum(sizes), 0, ())
    plain = sum(len(content) for files in FILES.values() for content in files.values()) + len(b'{"version": 3}')
    assert check(target, manifest, print, IDENTITY).plain == plain


@pytest.mark.parametrize("count", [50, pytest.param(500, marks=pytest.mark.full)])
def test_no_flipped_byte_passes(target: Directory, manifest: Manifest, restored: dict[str, Path], count: int) -> None:
    draw = random.Random(count)  # noqa: S311 - trials that can be repeated
    weighted = [path for path in sorted(restored) for _ in range(restored[path].stat().st_size)]
    hit = set()
    for number in range(count):
        # Every file at least once, the rest by their sizes.
        name = sorted(restored)[number] if number < len(restored) else draw.choice(weighted)
        hit.add(name)
        content = restored[name].read_bytes()
        at = draw.randrange(len(content))
        restored[name].write_bytes(content[:at] + bytes([content[at] ^ draw.randint(1, 255)]) + content[at + 1 :])
        for identity in (None, IDENTITY):
            assert f"{manifest.id}/{name}: " in damage(target, manifest, identity)
        restored[name].write_bytes(content)
    assert hit == set(restored)
    assert check(target, manifest, print, IDENTITY).extra == ()


@pytest.mark.parametrize("identity", [None, IDENTITY])
def test_every_wrong_file_is_named(
    target: Directory, manifest: Manifest, restored: dict[str, Path], identity: str | None
) -> None:
    missing, cut, longer, *fine = (file.path for file in manifest.files)
    restored[missing].unlink()
    content = restored[cut].read_bytes()
    restored[cut].write_bytes(content[:-1])
    restored[longer].write_bytes(restored[longer].read_bytes() + b"\0")
    message = damage(target, manifest, identity)
    assert "3 of 5 files" in message
    assert all(f"/{path}: " in message for path in (missing, cut, longer))
    assert not any(f"/{path}: " in message for path in fine)
    assert f"{len(content) - 1} bytes are stored, not the {len(content)}" in message


def test_a_wrong_identity_is_no_damage(target: Directory, manifest: Manifest) -> None:
    with pytest.raises(Failure) as caught:
        check(target, manifest, print, OTHER_IDENTITY)
    assert caught.value.kind == "WrongIdentity"


def test_what_nobody_has_named_is_told(target: Directory, manifest: Manifest) -> None:
    path = f"{root_of(STACK, manifest.id)}/postgres/added"
    with target.write(path) as stream:
        stream.write(b"?")
    assert check(target, manifest, print).extra == (path,)
    target.remove(path)
