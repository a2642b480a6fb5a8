"""Indices that the server cannot open, and whether that is because what lies on its disk is damaged."""

from collections.abc import Iterator
from typing import Any

from elasticsearch import ApiError, Elasticsearch

from init.engines.base import DAMAGED, patience
from init.engines.elasticsearch_script import SERVICE
from init.protocol import Failure

_WAIT_SECONDS = 25.0
_FIX = "look at the Elasticsearch container's log"
# Of many, a few tell enough.
_FEW = 3
_COLUMNS = "index,shard,prirep,state"


def require_whole(client: Elasticsearch) -> None:
    """Return once every index has its primary shards; Failure `Damaged` with the server's reason, else `VerificationFailed`."""
    seconds = int(patience(_WAIT_SECONDS))
    # 408 is how it says that it has waited.
    health = client.options(ignore_status=408).cluster.health(wait_for_status="yellow", timeout=f"{seconds}s")
    if health["status"] in ("green", "yellow"):
        return
    found = list(_damages(client))
    if found:
        raise Failure(DAMAGED, f"{SERVICE}: {'; '.join(found)}", "restore a backup")
    raise Failure("VerificationFailed", f"{SERVICE}: cluster health is {health['status']}", _FIX)


def _damages(client: Elasticsearch) -> Iterator[str]:
    """Yield a sentence for every missing primary shard whose copy the server has found damaged."""
    shards: Any = client.cat.shards(format="json", h=_COLUMNS).body
    missing = [one for one in shards if one["prirep"] == "p" and one["state"] == "UNASSIGNED"]
    for one in missing[:_FEW]:
        try:
            told = client.cluster.allocation_explain(index=one["index"], shard=int(one["shard"]), primary=True)
        except ApiError:
            # It is there by now.
            continue
        for decision in told.get("node_allocation_decisions", ()):
            trouble = decision.get("store", {}).get("store_exception")
            if trouble and "corrupt" in trouble["type"]:
                yield f"{one['index']}: {trouble['type']}: {trouble['reason']}"
