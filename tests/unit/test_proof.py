"""Beside the data is a proof of the password that they were made with: another one is named before anything is written."""

import os
import stat
from pathlib import Path
from typing import Any

import pytest

from init import proof
from init.files import write
from init.protocol import Failure

HERE = {"uid": os.getuid(), "gid": os.getgid(), "mode": 0o600}


def proofs(volume: Path, *passwords: str) -> list[dict[str, Any]]:
    return [{"path": str(volume / proof.NAME), "passwords": list(passwords), "volume": "ai-karen-test-postgres-data"}]


@pytest.fixture
def volumes(tmp_path: Path) -> tuple[Path, Path]:
    """An engine's volumes: for secrets, and for data."""
    for name in ("secrets", "data"):
        (tmp_path / name).mkdir()
    return tmp_path / "secrets", tmp_path / "data"


def test_another_password_is_named_and_nothing_is_written(volumes: tuple[Path, Path]) -> None:
    secrets, data = volumes
    old, new = ({"path": str(secrets / "password"), "content": text, **HERE} for text in ("old", "new"))
    write([old], [], secrets, proofs=proofs(data, "old-password"))
    with pytest.raises(
        Failure, match="the volume ai-karen-test-postgres-data were made with another password"
    ) as error:
        write([new], [], secrets, proofs=proofs(data, "new-password"))
    assert error.value.kind == "PasswordMismatch"
    assert "Pulumi's state" in error.value.fix
    assert (secrets / "password").read_text() == "old"


def test_a_rotation_has_both_until_it_has_one(volumes: tuple[Path, Path]) -> None:
    secrets, data = volumes
    for passwords in (["first"], ["first", "second"], ["first", "second"], ["second"]):
        write([], [], secrets, proofs=proofs(data, *passwords))
    with pytest.raises(Failure, match="another password"):
        write([], [], secrets, proofs=proofs(data, "first"))
    # Told the next password only, as by a serial that was raised by hand, it does not go on with the last one.
    with pytest.raises(Failure, match="another password"):
        write([], [], secrets, proofs=proofs(data, "third", "second"))


def test_the_proof_is_not_the_password_and_nobody_else_may_read_it(volumes: tuple[Path, Path]) -> None:
    secrets, data = volumes
    write([], [], secrets, proofs=proofs(data, "the password itself"))
    path = data / proof.NAME
    assert "the password itself" not in path.read_text()
    assert stat.S_IMODE(path.stat().st_mode) == 0o400
    before = path.stat().st_ino
    write([], [], secrets, proofs=proofs(data, "the password itself"))
    assert path.stat().st_ino == before


def test_a_proof_that_is_torn_is_another_password(volumes: tuple[Path, Path]) -> None:
    secrets, data = volumes
    (data / proof.NAME).write_text('[{"salt"')
    with pytest.raises(Failure, match="another password"):
        write([], [], secrets, proofs=proofs(data, "password"))


def test_a_seed_is_written_once_and_then_the_servers_own(volumes: tuple[Path, Path]) -> None:
    secrets, data = volumes
    seed = {"path": str(data / "users.acl"), "content": "first", **HERE}
    assert write([], [], secrets, seeds=[seed])["written"] == ["users.acl"]
    (data / "users.acl").write_text("what the server saved")
    assert write([], [], secrets, seeds=[{**seed, "content": "second"}])["written"] == []
    assert (data / "users.acl").read_text() == "what the server saved"
