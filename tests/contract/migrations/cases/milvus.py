"""Milvus under the migration contract."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pymilvus import CollectionSchema, DataType, FieldSchema, MilvusClient

from tests.contract.containers import Contract
from tests.contract.migrations import case
from tests.contract.migrations.case import DATA, Tampering

_PASSWORD = "administrator-1"
_LEDGER = "ai_karen_migrations_r"


def _drop(client: MilvusClient) -> None:
    client.drop_alias("readers")
    client.drop_collection("readers_v001")


def _drop_index(client: MilvusClient) -> None:
    client.release_collection("readers_v001")
    client.drop_index("readers_v001", "embedding")


def _index(client: MilvusClient, count: int) -> None:
    indexes = client.prepare_index_params()
    params = {"M": count, "efConstruction": 32}
    indexes.add_index(field_name="embedding", index_type="HNSW", metric_type="IP", params=params)
    client.create_index("readers_v001", indexes)


def _change_index(client: MilvusClient) -> None:
    _drop_index(client)
    _index(client, 16)


def _change_field(client: MilvusClient) -> None:
    """Make the collection anew, with names that may be longer."""
    description = client.describe_collection("readers_v001")["description"]
    _drop(client)
    fields = [
        FieldSchema("id", DataType.INT64, is_primary=True, auto_id=False),
        FieldSchema("name", DataType.VARCHAR, max_length=50),
        FieldSchema("embedding", DataType.FLOAT_VECTOR, dim=8),
    ]
    schema = CollectionSchema(fields, description=description)
    client.create_collection("readers_v001", schema=schema, consistency_level="Bounded")
    _index(client, 8)
    client.create_alias("readers_v001", "readers")


def _make(client: MilvusClient) -> None:
    schema = CollectionSchema(
        [FieldSchema("id", DataType.INT64, is_primary=True), FieldSchema("v", DataType.FLOAT_VECTOR, dim=2)]
    )
    client.create_collection("applications", schema=schema)


class Case(case.Case):
    """Milvus, with authorization on; a change by hand is a function of a client."""

    engine = "milvus"
    services = ("milvus",)
    failing = (
        (DATA / "milvus" / "001_create_books.py").read_text().replace("books", "half").replace('"M": 8', '"M": 99999')
    )
    own = staticmethod(_make)
    tamperings = (
        Tampering(
            "collection dropped", _drop, "collection readers_v001 was dropped", also=("alias readers was dropped",)
        ),
        Tampering("field changed", _change_field, "field readers_v001.name was changed"),
        Tampering("index dropped", _drop_index, "index readers_v001.embedding was dropped"),
        Tampering("index changed", _change_index, "index readers_v001.embedding was changed"),
        Tampering("alias dropped", lambda client: client.drop_alias("readers"), "alias readers was dropped"),
        Tampering(
            "alias moved", lambda client: client.alter_alias("reviews_v001", "readers"), "alias readers was changed"
        ),
    )

    def __init__(self, contract: Contract, directory: Path) -> None:
        super().__init__(contract, directory)
        # The first connection gives root its password.
        with self.run([]):
            self._client = MilvusClient(uri=f"http://{self.connection['host']}:19530", user="root", password=_PASSWORD)

    @property
    def connection(self) -> dict[str, Any]:
        return {
            "host": self.contract.address("milvus"),
            "port": 19530,
            "authorization": True,
            "user": "root",
            "password": _PASSWORD,
            "app_user": "application",
            "app_password": "application-1",
        }

    def wipe(self) -> None:
        for name in self._client.list_collections():
            for alias in self._client.list_aliases(name)["aliases"]:
                self._client.drop_alias(alias)
            self._client.drop_collection(name)

    def change(self, change: Any) -> None:
        change(self._client)

    def forget(self) -> None:
        for name in self._client.list_collections():
            if name.startswith(_LEDGER):
                self._client.drop_collection(name)

    def fill(self) -> None:
        rows = [{"id": number, "name": f"Name {number}", "embedding": [1.0] * 8} for number in range(3)]
        self._client.insert("books", rows)

    def data(self) -> Any:
        self._client.load_collection("books")
        found = self._client.query("books", filter="", output_fields=["*"], limit=10, consistency_level="Strong")
        # The client returns a row's fields in any order.
        return sorted(str(sorted(row.items())) for row in found)

    def contents(self) -> Mapping[str, Any]:
        """Return what is known of every collection: its own number changes when it is made anew."""
        found = {}
        for name in self._client.list_collections():
            facts = self._client.describe_collection(name)
            found[name] = (facts, self._client.list_indexes(name), self._client.get_collection_stats(name))
        return found
