"""The `files` action: secrets are written whole, with their owner and mode, and nothing else is left beside them."""

import os
import stat
from pathlib import Path
from typing import Any

import pytest

from init.files import write
from init.protocol import Failure

HERE = {"uid": os.getuid(), "gid": os.getgid()}


def entry(path: Path, content: str = "s3cret") -> dict[str, Any]:
    return {"path": str(path), "content": content, "mode": 0o400, **HERE}


def test_a_file_is_written_with_its_mode_and_others_are_removed(tmp_path: Path) -> None:
    (tmp_path / "old").write_text("from an earlier configuration")
    result = write([entry(tmp_path / "password", "pä\nss")], [], tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["password"]
    assert (tmp_path / "password").read_text(encoding="utf-8") == "pä\nss"
    assert stat.S_IMODE((tmp_path / "password").stat().st_mode) == 0o400
    assert (result["written"], result["removed"]) == (["password"], ["old"])


def test_a_file_that_is_as_wanted_is_left_alone(tmp_path: Path) -> None:
    write([entry(tmp_path / "password")], [], tmp_path)
    inode = (tmp_path / "password").stat().st_ino
    assert write([entry(tmp_path / "password")], [], tmp_path)["written"] == []
    assert (tmp_path / "password").stat().st_ino == inode


def test_a_changed_file_is_replaced_not_rewritten(tmp_path: Path) -> None:
    write([entry(tmp_path / "password")], [], tmp_path)
    with (tmp_path / "password").open() as reader:
        write([entry(tmp_path / "password", "another")], [], tmp_path)
        assert reader.read() == "s3cret"
    assert (tmp_path / "password").read_text() == "another"


def test_a_link_in_the_place_of_a_file_is_not_followed(tmp_path: Path) -> None:
    outside, root = tmp_path / "outside", tmp_path / "secrets"
    outside.write_text("untouched")
    root.mkdir()
    (root / "password").symlink_to(outside)
    write([entry(root / "password")], [], root)
    assert outside.read_text() == "untouched"
    assert not (root / "password").is_symlink()


@pytest.mark.parametrize("path", ["/etc/passwd", "secrets/x", "{root}/../x", "{root}", "{root}/.hidden"])
def test_a_path_outside_the_volume_is_refused(tmp_path: Path, path: str) -> None:
    with pytest.raises(Failure, match=r"files\.path is .*allowed: a path below"):
        write([{**entry(tmp_path / "x"), "path": path.format(root=tmp_path)}], [], tmp_path)


@pytest.mark.parametrize(("key", "value"), [("content", 1), ("uid", "0"), ("mode", -1), ("gid", True)])
def test_a_wrong_field_is_named_and_its_content_is_not(tmp_path: Path, key: str, value: object) -> None:
    with pytest.raises(Failure, match=rf"files\.{key} is") as caught:
        write([{**entry(tmp_path / "x"), key: value}], [], tmp_path)
    assert "s3cret" not in caught.value.message


def test_a_data_directory_that_has_its_owner_is_not_touched(tmp_path: Path) -> None:
    assert write([], [{"path": str(tmp_path), **HERE}], tmp_path / "secrets")["owned"] == []
    with pytest.raises(Failure, match="no directory here"):
        write([], [{"path": str(tmp_path / "missing"), **HERE}], tmp_path / "secrets")


def test_a_directory_to_make_is_made_once_and_keeps_what_is_in_it(tmp_path: Path) -> None:
    wanted = {"path": str(tmp_path / "volume" / "sets"), "make": True, **HERE}
    with pytest.raises(Failure, match="no directory here"):
        write([], [wanted], tmp_path / "secrets")
    (tmp_path / "volume").mkdir()
    write([], [wanted], tmp_path / "secrets")
    (tmp_path / "volume" / "sets" / "kept").touch()
    assert write([], [wanted], tmp_path / "secrets")["owned"] == []
    assert [path.name for path in (tmp_path / "volume").rglob("*")] == ["sets", "kept"]


@pytest.mark.parametrize("place", ["pgdata/PG_VERSION", "PG_VERSION"])
def test_data_of_another_major_version_keep_everything_from_being_written(tmp_path: Path, place: str) -> None:
    (tmp_path / "data" / place).parent.mkdir(parents=True)
    (tmp_path / "data" / place).write_text("15\n")
    told = {"path": str(tmp_path / "data"), "service": "postgres", "volume": "the-volume"}
    secrets = tmp_path / "secrets"
    with pytest.raises(Failure, match="the-volume are of postgres 15, and its server is of 17"):
        write([entry(secrets / "password")], [], secrets, data=[{**told, "version": "17"}])
    assert not secrets.exists()
    write([entry(secrets / "password")], [], secrets, data=[{**told, "version": "15"}])
    assert (secrets / "password").exists()
