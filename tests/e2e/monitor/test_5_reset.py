"""A reset of everything under a monitor, which goes on looking meanwhile."""

import pytest

from tests.e2e.monitor.watching import Watching
from tests.e2e.operate.test_servers import karen

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(400)]


def test_a_reset_ends_well_and_alarms_nobody(watching: Watching) -> None:
    before = len(watching.receiver.notices)
    karen(watching.stack, "reset", "--yes", code=0)
    watching.until(lambda: watching.sample()["status"] == "healthy", "all are healthy", within=60)
    watching.until(lambda: "maintenance" not in str(watching.sample()["services"]), "nobody works on it", within=60)
    keys = [("ai_karen_ledger_consistent", engine) for engine in ("postgres", "elasticsearch", "milvus", "minio")]
    watching.until(lambda: all(watching.metrics()[key] == 1 for key in keys), "the ledgers are looked at", within=60)
    told = watching.receiver.notices[before:]
    assert [one["summary"] for one in told] == []
