"""Personas in Milvus with plain pymilvus: written by columns through the alias, found by inner product."""

import math
import os
import time
import uuid

from dotenv import load_dotenv
from pymilvus import Collection, connections, utility

DIMENSIONS = 384


def normalised(*first: float) -> list[float]:
    """Return a vector of length 1 that begins so, as a model's embedding would be."""
    length = math.hypot(*first)
    return [one / length for one in first] + [0.0] * (DIMENSIONS - len(first))


def connect() -> None:
    connections.connect(
        "default",
        host=os.environ["MILVUS_HOST"],
        port=os.environ["MILVUS_PORT"],
        user=os.environ["MILVUS_USER"],
        password=os.environ["MILVUS_PASSWORD"],
        secure=os.environ.get("MILVUS_SECURE") == "true",
        server_pem_path=os.environ.get("KAREN_CA_CERTIFICATE", ""),
    )


def main() -> None:
    load_dotenv()
    connect()
    print(f"persona_embeddings is there: {utility.has_collection('persona_embeddings')}")
    collection, user = Collection("persona_embeddings"), uuid.uuid4().hex
    # In the order of the collection's fields.
    columns: list[list[object]] = [[user], ["example"], [normalised(1, 1)], [{"mood": "calm"}], [int(time.time())]]
    collection.insert([*columns, [1], ["default"], [True], [0.9]])
    collection.upsert([*columns, [2], ["default"], [True], [0.25]])
    print("wrote a persona, and a second version of it")
    collection.load()
    found = collection.search(
        [normalised(1, 1)],
        "embedding",
        {"metric_type": "IP", "params": {"ef": 64}},
        limit=1,
        expr=f'user_id == "{user}"',
        output_fields=["metadata", "version", "confidence_score"],
        consistency_level="Strong",
    )
    for hit in found[0]:
        fields = {name: hit.entity.get(name) for name in ("metadata", "version", "confidence_score")}
        print(f"similarity {hit.distance:.2f}: {fields}")
    collection.delete(f'user_id == "{user}"')
    print("removed the persona")
    connections.disconnect("default")


if __name__ == "__main__":
    main()
