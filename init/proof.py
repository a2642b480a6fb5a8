"""Which password a volume's data were made with: a salted hash of the administrator's, beside the data, for nobody but root.

A server keeps the password that it was given first; with another one nobody could administer it any more.
"""

import hashlib
import hmac
import json
import os
import secrets
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from init.protocol import Failure

NAME = ".ai-karen-password"
_SALT_BYTES = 16
# https://www.rfc-editor.org/rfc/rfc7914: 16 MiB and about 50 ms a guess.
_COST = {"n": 2**14, "r": 8, "p": 1}


def check(path: Path, passwords: Sequence[str], volume: str) -> None:
    """Return where there is no proof yet, or the first password is proved; Failure `PasswordMismatch` names the volume."""
    proofs = _read(path)
    if proofs is not None and not _proved(proofs, passwords[0]):
        raise Failure(
            "PasswordMismatch",
            f"the data in the volume {volume} were made with another password than Pulumi has for this stack now; nothing was changed",
            "restore Pulumi's state and the stack's file as they were (passwords are changed by ./karen rotate); where the data may go,"
            f" docker volume rm {volume}",
        )


def write(path: Path, passwords: Sequence[str]) -> bool:
    """Leave exactly the proofs of these passwords; return whether others were there."""
    proofs = _read(path) or []
    if len(proofs) == len(passwords) and all(_proved(proofs, password) for password in passwords):
        return False
    temporary = path.with_name(f"{path.name}.new")
    temporary.unlink(missing_ok=True)
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o400)
    with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
        json.dump([_proof(password) for password in passwords], stream)
        stream.flush()
        os.fsync(stream.fileno())
    temporary.replace(path)
    return True


def _read(path: Path) -> list[Mapping[str, Any]] | None:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except ValueError:
        found = []
    return found if isinstance(found, list) else []


def _proof(password: str) -> dict[str, str]:
    salt = secrets.token_bytes(_SALT_BYTES)
    return {"salt": salt.hex(), "hash": _hash(password, salt).hex()}


def _proved(proofs: Sequence[Mapping[str, Any]], password: str) -> bool:
    return any(
        hmac.compare_digest(_hash(password, bytes.fromhex(one["salt"])), bytes.fromhex(one["hash"])) for one in proofs
    )


def _hash(password: str, salt: bytes) -> bytes:
    return hashlib.scrypt(password.encode(), salt=salt, **_COST)
