"""Half an exchange of which no note is left: the next restore has what was there before come back, and says so."""

from pathlib import Path
from typing import Any

import pytest

from ops.backups import journal
from tests.unit.backup.hosting import Machine, machine
from tests.unit.backup.making import STACK
from tests.unit.backup.test_host_giving_up import CUT, RDB, database, failing, servers, volume
from tests.unit.backup.test_host_restoring import RESTORE, around

__all__ = ["around", "database", "machine", "servers"]


@pytest.mark.parametrize("since", [False, True])
def test_without_its_note_half_an_exchange_is_put_in_order_by_the_next_restore(
    machine: Machine, database: dict[str, Any], around: list[str], since: bool
) -> None:
    root = Path(database["path"]).parent.with_name("redis")
    failing(machine)
    journal.remove(STACK)
    (root / "replaced").mkdir()
    (root / "dump.rdb").rename(root / "replaced/dump.rdb")
    (root / "restoring").rename(root / "placing")
    if since:
        (root / "dump.rdb").write_bytes(b"since")
    around.clear()
    machine.trouble["exchange redis"] = CUT
    done = machine.karen(*RESTORE, "--only", "redis")
    assert "redis: an earlier restore was cut off half-way: what was there before comes back first" in done.stderr
    assert ("it was started since: what it has stays" in done.stderr) is since
    assert [one for one in around if "redis" in one] == [
        "stop redis: c-redis",
        "start redis: c-redis",
        "stop redis: c-redis",
    ]
    found = volume(database)
    assert found["dump.rdb"] == (b"since" if since else b"new")
    assert found.get("earlier/0/dump.rdb") == (b"new" if since else None)
    assert found["restoring/data/dump.rdb"] == RDB
