"""Milvus: vectors of every collection are searched for, and the answers compared with all that is there."""

import logging
import time
from collections.abc import Mapping
from typing import Any

from pymilvus import DataType, MilvusClient

from backup.probes import Tell, failed
from backup.probes.pacing import Paced
from backup.probes.recall import LIMIT, SAMPLE, Metric, exact, itself
from init.engines import milvus_access
from init.engines import milvus_collections as collections
from init.engines.base import retry
from init.engines.milvus_rows import Rows

_ENGINE = "milvus"
_LEAST = 0.9
_ROWS = 10_000
_BYTES = 64_000_000
_TIMEOUT_SECONDS = 60.0
_LOADING_SECONDS = 120.0
# How far an index looks: https://milvus.io/docs/v2.3.x/index.md
_WIDTHS = {"HNSW": {"ef": 128}, "IVF_FLAT": {"nprobe": 64}, "IVF_SQ8": {"nprobe": 64}, "IVF_PQ": {"nprobe": 64}}


def probe(connection: Mapping[str, Any], progress: Tell) -> str:
    """Search every collection that is in memory, and those of migrations, which have to be; ProbeFailed below 0.9."""
    logging.getLogger("pymilvus").setLevel(logging.CRITICAL)
    client: MilvusClient = retry(
        lambda: milvus_access.connect({**connection, "must_exist": True}, timeout=_TIMEOUT_SECONDS),
        engine=_ENGINE,
        transient=collections.is_transient,
        fix="look at the Milvus container's log",
    )
    tell = Paced(progress, _ENGINE)
    try:
        found = collections.survey(client)
        needed = {one.name for one in collections.ours(found)}
        recalls = []
        for one in found.values():
            if _loaded(client, one.name, needed=one.name in needed):
                recalls += _probe(client, one, tell)
    except collections.ERRORS as error:
        raise failed(_ENGINE, collections.describe(error)) from None
    finally:
        client.close()
    return f"recall {sum(recalls) / len(recalls):.2f} over {len(recalls)} collections" if recalls else "no vectors"


def _loaded(client: MilvusClient, name: str, *, needed: bool) -> bool:
    """Whether a collection is in memory; one that is on its way there is waited for."""
    give_up = time.monotonic() + _LOADING_SECONDS
    while (state := client.get_load_state(name)["state"].name) == "Loading" and time.monotonic() < give_up:
        time.sleep(0.2)
    if state != "Loaded" and needed:
        raise failed(_ENGINE, f"the collection {name} is not in memory: its state is {state}")
    return bool(state == "Loaded")


def _probe(client: MilvusClient, one: collections.Facts, tell: Paced) -> list[float]:
    """Return the lowest recall of a collection's vector fields, [] without rows or vectors."""
    recalls = []
    for field in one.fields:
        if field["type"] != DataType.FLOAT_VECTOR:
            continue
        recall = _recall(client, one, field, tell)
        if recall is None:
            return []
        if recall < _LEAST:
            message = f"the collection {one.name}: recall {recall:.2f} of {field['name']}; allowed: from {_LEAST}"
            raise failed(_ENGINE, message)
        recalls.append(recall)
    return [min(recalls)] if recalls else []


def _recall(client: MilvusClient, one: collections.Facts, field: Mapping[str, Any], tell: Paced) -> float | None:
    """Return which part of the nearest vectors a search finds; None without rows."""
    import numpy as np

    name, primary = str(field["name"]), one.primary
    fields = [{"name": f["name"], "type": DataType(f["type"]).name, **f["params"]} for f in (primary, field)]
    fields[0]["is_primary"] = True
    rows = Rows(client, one.name, fields, has={f["name"] for f in fields}, left=lambda: _TIMEOUT_SECONDS)
    most = max(SAMPLE, min(_ROWS, _BYTES // (4 * int(field["params"]["dim"]))))
    keys: list[Any] = []
    pages = []
    whole = True
    for page in rows.pages():
        keys += [rows.key(row) for row in page]
        pages.append(np.array([row[name] for row in page], dtype=np.float32))
        tell(f"{len(keys)} vectors of {one.name} read")
        if len(keys) > most:
            whole = False
            break
    if not keys:
        return None
    vectors = np.concatenate(pages)
    index = _index(client, one.name, name)
    metric = Metric.of(str(index.get("metric_type")))
    chosen = np.unique(np.linspace(0, len(keys) - 1, SAMPLE).astype(int))
    answers = client.search(
        next(iter(one.aliases), one.name),
        data=[vectors[number].tolist() for number in chosen],
        anns_field=name,
        limit=LIMIT,
        search_params={"params": _WIDTHS.get(str(index.get("index_type")), {})},
        consistency_level="Strong",
        timeout=_TIMEOUT_SECONDS,
    )
    found = [[(hit["id"], float(hit["distance"])) for hit in answer] for answer in answers]
    if whole:
        return exact(metric, vectors, keys, chosen, [[key for key, _ in one] for one in found])
    return itself(metric, vectors, keys, chosen, found)


def _index(client: MilvusClient, name: str, field: str) -> Mapping[str, Any]:
    """Return what is known of a field's index; a field of a collection in memory has one."""
    described = (client.describe_index(name, index) for index in client.list_indexes(name))
    return next((one for one in described if one["field_name"] == field), {})
