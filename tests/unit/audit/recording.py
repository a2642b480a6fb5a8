"""What the tests of the audit share: a machine of its own, keys, and records that were written by the code itself."""

import base64
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from backup.keys import Signer
from ops.audit import record
from ops.audit.keys import Keys

STACK = "audited"
SEED, OTHER_SEED = (base64.b64encode(bytes([number]) * 32).decode() for number in (7, 8))
SIGNER, OTHER_SIGNER = Signer(SEED), Signer(OTHER_SEED)
FIRST_KEYS = Keys(signer=SIGNER, seed=SEED)
KEYS = Keys(signer=SIGNER)


def entry(number: int) -> dict[str, Any]:
    return {"event": "begin", "run": f"{number:032x}", "command": "karen stop", "user": "somebody", "host": "here"}


def written(count: int) -> list[bytes]:
    """Write a record of `count` lines, the first one its key's, and return them."""
    record.append(STACK, [entry(1)], FIRST_KEYS)
    for number in range(2, count):
        record.append(STACK, [entry(number)], KEYS)
    lines = record.lines_of(STACK)
    assert len(lines) == count
    return lines


def put(lines: Sequence[bytes]) -> Path:
    """Replace the record's file, as somebody would who can write there."""
    path = record.path(STACK)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"".join(line + b"\n" for line in lines))
    return path
