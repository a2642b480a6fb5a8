"""Elasticsearch under the migration contract."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, ClassVar

from elasticsearch import Elasticsearch

from tests.contract.migrations import case
from tests.contract.migrations.case import Tampering
from tests.contract.servers import PASSWORD

_JSON = {"accept": "application/json", "content-type": "application/json"}
_LEDGER = "ai_karen_migrations"
_READERS = "/ai_karen_readers_v001"
_LONGER = {"properties": {"name": {"type": "keyword", "ignore_above": 9}}}


def _index(name: str, kind: str) -> str:
    return (
        f'{{"index": "ai_karen_{name}_v001", "alias": "ai_karen_{name}", "settings": {{}},'
        f' "mappings": {{"properties": {{"field": {{"type": "{kind}"}}}}}}}}'
    )


def _moved(alias: str, source: str, target: str) -> dict[str, Any]:
    actions = [{"remove": {"index": source, "alias": alias}}, {"add": {"index": target, "alias": alias}}]
    return {"actions": actions}


class Case(case.Case):
    """Elasticsearch; a change by hand is a request, or several."""

    engine = "elasticsearch"
    services = ("elasticsearch",)
    failing = f'{{"indices": [{_index("half", "keyword")}, {_index("wrong", "no_such_type")}]}}'
    own: ClassVar[Any] = (("PUT", "/applications", {"aliases": {"of_its_own": {}}}),)
    tamperings = (
        Tampering(
            "index dropped",
            [("DELETE", _READERS, None)],
            "index ai_karen_readers_v001 was dropped",
            also=("alias ai_karen_readers was dropped",),
        ),
        Tampering(
            "settings changed",
            [("PUT", f"{_READERS}/_settings", {"index": {"number_of_replicas": 1}})],
            "index ai_karen_readers_v001 was changed",
        ),
        Tampering(
            "field added",
            [("PUT", f"{_READERS}/_mapping", {"properties": {"stray": {"type": "long"}}})],
            "field ai_karen_readers_v001.stray was added",
        ),
        Tampering(
            "field changed",
            [("PUT", f"{_READERS}/_mapping", _LONGER)],
            "field ai_karen_readers_v001.name was changed",
        ),
        Tampering(
            "field dropped",
            [
                ("DELETE", "/ai_karen_shelves_v001", None),
                (
                    "PUT",
                    "/ai_karen_shelves_v001",
                    {
                        "aliases": {"ai_karen_shelves": {"is_write_index": True}},
                        "settings": {"number_of_shards": 1, "number_of_replicas": 0},
                        "mappings": {"dynamic": False},
                    },
                ),
            ],
            "field ai_karen_shelves_v001.room was dropped",
        ),
        Tampering(
            "alias dropped",
            [("DELETE", f"{_READERS}/_alias/ai_karen_readers", None)],
            "alias ai_karen_readers was dropped",
        ),
        Tampering(
            "alias moved",
            [("POST", "/_aliases", _moved("ai_karen_readers", "ai_karen_readers_v001", "ai_karen_shelves_v001"))],
            "alias ai_karen_readers was changed",
        ),
    )

    @property
    def connection(self) -> dict[str, Any]:
        return {
            "url": f"http://{self.contract.address('elasticsearch')}:9200",
            "user": "elastic",
            "password": PASSWORD,
        }

    def wipe(self) -> None:
        with self._client() as client:
            names = list(client.indices.get(index="*"))
            if names:
                client.indices.delete(index=",".join(names))

    def change(self, change: Any) -> None:
        with self._client() as client:
            for method, path, body in change:
                client.perform_request(method, path, headers=_JSON, body=body)

    def forget(self) -> None:
        with self._client() as client:
            client.indices.delete(index=_LEDGER)

    def fill(self) -> None:
        with self._client() as client:
            for number in range(3):
                client.index(
                    index="ai_karen_books", id=str(number), document={"title": f"Title {number}"}, refresh=True
                )

    def data(self) -> Any:
        return self._documents("ai_karen_books")

    def contents(self) -> Mapping[str, Any]:
        with self._client() as client:
            facts = dict(client.indices.get(index="*"))
        return {name: (facts[name], self._documents(name)) for name in sorted(facts)}

    def _documents(self, index: str) -> list[Any]:
        """Return an index's documents with the number of the operation that wrote each."""
        with self._client() as client:
            client.indices.refresh(index=index)
            hits = client.search(index=index, size=1000, seq_no_primary_term=True)["hits"]["hits"]
        return sorted((hit["_id"], hit["_seq_no"], hit["_source"]) for hit in hits)

    @contextmanager
    def _client(self) -> Iterator[Elasticsearch]:
        connection = self.connection
        with Elasticsearch(connection["url"], basic_auth=("elastic", PASSWORD), max_retries=0) as client:
            yield client
