"""A drill of every engine: the set comes back in a stack of its own, is searched, and nothing of that stack is left."""

import pytest

from bootstrap import places
from ops.backups import drills, throwaway
from tests.e2e.backups.samples import document, put, remove
from tests.e2e.live import LiveStack

# The runbook's test has one without Elasticsearch, Milvus and MinIO.
pytestmark = [pytest.mark.e2e, pytest.mark.full, pytest.mark.timeout(900)]


def test_every_engine_comes_back_and_the_throwaway_stack_is_gone(stack: LiveStack) -> None:
    put(stack.variables(), "drilled")
    made = document(stack, "backup", "create")["set"]
    remove(stack.variables(), ["drilled"])
    told = document(stack, "backup", "drill")
    assert (told["set"], told["good"]) == (made["id"], True)
    assert sorted(told["engines"]) == sorted(made["engines"])
    assert told["probes"]["milvus"].startswith("recall 1.00")
    assert 0 < told["rto_seconds"] < 600
    assert 0 <= told["rpo_seconds"] < 600
    assert drills.read(stack.name) is not None
    assert throwaway.left() == []
    assert list(places.CHECKOUT.glob("Pulumi.drill-*.yaml")) == []
