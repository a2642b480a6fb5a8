"""Memories in Elasticsearch with its plain client: indexed with either form of time, found by words and by date."""

import os
import uuid
from typing import Any

from dotenv import load_dotenv
from elasticsearch import Elasticsearch

INDEX = "ai_karen_memory"


def connect() -> Elasticsearch:
    env = os.environ
    authority = env.get("KAREN_CA_CERTIFICATE")
    verified: dict[str, Any] = {"ca_certs": authority} if authority else {}
    return Elasticsearch(
        f"{env.get('ELASTICSEARCH_SCHEME', 'http')}://{env['ELASTICSEARCH_HOST']}:{env['ELASTICSEARCH_PORT']}",
        basic_auth=(env["ELASTICSEARCH_USER"], env["ELASTICSEARCH_PASSWORD"]),
        request_timeout=20,
        **verified,
    )


def main() -> None:
    load_dotenv()
    tenant = f"tenant-{uuid.uuid4().hex}"
    with connect() as client:
        print(f"Elasticsearch {client.info()['version']['number']}")
        for asked, moment in (("Where does the cat sleep?", 1_700_000_000), ("Who sleeps?", "2023-11-14T22:13:20Z")):
            client.index(index=INDEX, document={"tenant_id": tenant, "query": asked, "timestamp": moment})
        client.indices.refresh(index=INDEX)
        print("indexed 2 documents")
        mine = {"term": {"tenant_id": tenant}}
        at = {"range": {"timestamp": {"gte": "2023-11-14T22:13:20Z", "lte": "2023-11-14T22:13:20Z"}}}
        for words in ("sleeping", "sleeping cats"):
            match = {"match": {"query": {"query": words, "operator": "and"}}}
            query: dict[str, Any] = {"bool": {"must": match, "filter": [mine, at]}}
            hits = client.search(index=INDEX, query=query)["hits"]["hits"]
            print(f"{words}: {', '.join(sorted(hit['_source']['query'] for hit in hits))}")
        removed = client.delete_by_query(index=INDEX, query=mine, refresh=True)["deleted"]
        print(f"removed {removed} documents")


if __name__ == "__main__":
    main()
