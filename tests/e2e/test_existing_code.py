"""What AI Karen's existing code does, call by call, against the stack and nothing but its environment."""

import json
import math
import uuid

import pytest
from pymilvus import Collection, connections, utility

from tests.e2e import clients
from tests.e2e.live import LiveStack

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]


def normalised(*first: float) -> list[float]:
    """Return a vector of 384 dimensions and length 1 that begins so."""
    length = math.sqrt(sum(one * one for one in first))
    return [one / length for one in first] + [0.0] * (384 - len(first))


@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_personas_are_written_by_columns_and_found_by_inner_product(stack: LiveStack) -> None:
    """The ORM's calls, through the alias, in the order in which the writer sends its columns."""
    env, user = stack.variables(), uuid.uuid4().hex
    connections.connect("existing", host=env["MILVUS_HOST"], port=env["MILVUS_PORT"])
    try:
        assert utility.has_collection("persona_embeddings", using="existing")
        collection = Collection("persona_embeddings", using="existing")
        columns: list[list[object]] = [[user], ["tenant"], [normalised(1, 1)], [{"mood": "calm"}], [1_700_000_000]]
        columns += [[1], ["default"], [True], [0.9]]
        collection.insert(columns)
        columns[8] = [0.25]
        collection.upsert(columns)
        collection.load()
        found = collection.search(
            [normalised(1, 1)],
            "embedding",
            {"metric_type": "IP", "params": {"ef": 64}},
            limit=1,
            expr=f'user_id == "{user}"',
            output_fields=["metadata", "confidence_score"],
            consistency_level="Strong",
        )
        assert found[0][0].distance == pytest.approx(1.0, abs=1e-4)
        assert found[0][0].entity.get("metadata") == {"mood": "calm"}
        assert found[0][0].entity.get("confidence_score") == pytest.approx(0.25)
        collection.delete(f'user_id == "{user}"')
    finally:
        connections.disconnect("existing")


def test_memory_is_upserted_on_its_vector(stack: LiveStack) -> None:
    vector = uuid.uuid4().int % 2**62
    statement = """
        INSERT INTO memory (vector_id, tenant_id, user_id, session_id, query, result, timestamp)
        VALUES (%s, 'tenant', 'user', 'session', 'query', %s, 1700000000)
        ON CONFLICT (vector_id) DO UPDATE SET result = EXCLUDED.result
    """
    with clients.postgres(stack.variables()) as connection:
        for answer in ("first", "second"):
            connection.execute(statement, [vector, json.dumps({"answer": answer})])
        row = connection.execute("SELECT result, timestamp FROM memory WHERE vector_id = %s", [vector]).fetchone()
        connection.execute("DELETE FROM memory WHERE vector_id = %s", [vector])
    assert row is not None
    assert json.loads(row[0]) == {"answer": "second"}
    assert row[1] == 1_700_000_000


@pytest.mark.parametrize("moment", [1_700_000_000, "2023-11-14T22:13:20Z"])
def test_memory_documents_take_either_form_of_time(stack: LiveStack, moment: int | str) -> None:
    client, identifier = clients.elasticsearch(stack.variables()), uuid.uuid4().hex
    document = {"tenant_id": identifier, "query": "Where do the cats sleep?", "timestamp": moment}
    client.index(index="ai_karen_memory", id=identifier, document=document, refresh=True)
    query = {
        "bool": {
            "must": {"match": {"query": "sleeping cat"}},
            "filter": [
                {"term": {"tenant_id": identifier}},
                {"range": {"timestamp": {"gte": "2023-11-14T22:13:20Z", "lte": "2023-11-14T22:13:20Z"}}},
            ],
        }
    }
    assert client.search(index="ai_karen_memory", query=query)["hits"]["total"]["value"] == 1
    client.delete(index="ai_karen_memory", id=identifier, refresh=True)


def test_history_is_inserted_without_a_key(stack: LiveStack) -> None:
    with clients.duckdb_file(stack.variables()) as connection:
        before = connection.execute("SELECT count(*) FROM profile_history").fetchone()
        for _ in range(2):
            connection.execute(
                "INSERT INTO profile_history (user_id, timestamp, field, old, new) VALUES ('u', 1.0, 'f', 'a', 'b')"
            )
        after = connection.execute("SELECT count(*), count(DISTINCT id) FROM profile_history").fetchone()
    assert before is not None
    assert after == (before[0] + 2, before[0] + 2)


def test_redis_and_elasticsearch_answer_with_what_the_environment_holds(stack: LiveStack) -> None:
    env = stack.variables()
    assert clients.redis_client(env).ping()
    assert clients.elasticsearch(env).info()["version"]["number"].startswith("9.4")
