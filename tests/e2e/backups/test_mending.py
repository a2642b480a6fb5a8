"""Damaged data of Redis: without the setting its command is told and nothing is touched, with it they are restored.

In the order of names this is after the other stack that has the small one's ports.
"""

from collections.abc import Iterator

import pytest

from tests.e2e import clients
from tests.e2e.backups.samples import document, in_volume, karen
from tests.e2e.backups.small import Small

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]
DAMAGED = ("backup", "restore", "--damaged")
_NONSENSE = "for file in /v/appendonlydir/*.rdb; do echo nonsense > $file; done"
_SUMS = "find /v -type f -exec sha256sum {} + | sort"


@pytest.fixture
def kept(small: Small) -> Iterator[str]:
    """Give the id of a set with a key; in the end, Redis has it no more, and the file of the stack is as before."""
    # The set that is restored is the newest good one that the service knows.
    small.settled()
    clients.redis_client(small.live.variables()).set("mended", "yes")
    yield document(small.live, "backup", "create", "--label", "mended")["set"]["id"]
    small.live.configure(restoreDamaged=None)
    clients.redis_client(small.live.variables()).delete("mended", "newer")


def test_only_what_the_configuration_names_is_restored_by_itself(small: Small, kept: str) -> None:
    container = small.live.container("redis")
    clients.redis_client(small.live.variables()).set("newer", "yes")
    small.engine.api.kill(container)
    in_volume(small.live, "redis-data", "sh", "-c", _NONSENSE)
    small.engine.api.start(container)
    before = in_volume(small.live, "redis-data", "sh", "-c", _SUMS)
    told = karen(small.live, *DAMAGED, code=1).stdout
    assert f"--only redis --stack {small.live.name}\n" in told.partition("Fix: ./karen backup restore ")[2]
    assert "does not name redis. Nothing was touched." in told
    assert in_volume(small.live, "redis-data", "sh", "-c", _SUMS) == before
    small.live.configure(restoreDamaged="redis")
    small.live.up()
    done = document(small.live, *DAMAGED)
    assert (done["set"], list(done["points"]), done["left"]) == (kept, ["redis"], [])
    assert clients.redis_client(small.live.variables()).mget("mended", "newer") == ["yes", None]
    assert document(small.live, "health")["status"] == "healthy"
