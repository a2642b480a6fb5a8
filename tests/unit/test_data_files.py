"""The shipped migrations and seeds: complete, in order, and with the names that applications already use."""

import json
from pathlib import Path
from typing import Any

import pytest

import init
from init.definitions import collection
from init.migrations import load

DATA = Path(init.__file__).parent / "data"
SHIPPED = {
    "postgres": [
        "001_create_tables.sql",
        "002_create_extension_tables.sql",
        "003_add_indexes.sql",
        "004_create_memory_outbox.sql",
    ],
    "duckdb": ["001_create_profile_tables.sql", "002_create_history_tables.sql", "003_create_indexes.sql"],
    "elasticsearch": ["001_memory_index.json", "002_document_index.json"],
    "milvus": ["001_persona_collection.py", "002_memory_collection.py"],
    "minio": ["001_application_buckets.json"],
    "redis": [],
}


def documents(engine: str, key: str) -> dict[str, dict[str, Any]]:
    found = [one for migration in load(DATA / engine) for one in json.loads(migration.up.body)[key]]
    return {one.get("alias", one.get("name")): one for one in found}


def collections() -> dict[str, dict[str, Any]]:
    return {one["alias"]: one for one in (collection(migration.up.body) for migration in load(DATA / "milvus"))}


@pytest.mark.parametrize("engine", SHIPPED)
def test_an_engine_ships_its_migrations_in_order(engine: str) -> None:
    assert [migration.file for migration in load(DATA / engine)] == SHIPPED[engine]


def test_every_index_has_a_versioned_name_behind_its_alias_and_needs_no_second_node() -> None:
    indices = documents("elasticsearch", "indices")
    assert set(indices) == {"ai_karen_memory", "ai_karen_documents", "ai_karen_classifier"}
    for alias, one in indices.items():
        assert one["index"] == f"{alias}_v001"
        assert one["settings"]["number_of_replicas"] == 0


def test_dates_take_epoch_seconds_and_vectors_have_384_dimensions() -> None:
    indices = documents("elasticsearch", "indices")
    for alias in ("ai_karen_memory", "ai_karen_documents"):
        properties = indices[alias]["mappings"]["properties"]
        dates = [field for field in properties.values() if field["type"] == "date"]
        assert dates
        assert {field["format"] for field in dates} == {"strict_date_optional_time||epoch_second"}
        assert properties["embedding"]["dims"] == 384


def test_the_persona_collection_has_its_writers_fields_in_its_writers_order() -> None:
    fields = collections()["persona_embeddings"]["fields"]
    assert [(field["name"], field["type"]) for field in fields] == [
        ("user_id", "VARCHAR"),
        ("tenant_id", "VARCHAR"),
        ("embedding", "FLOAT_VECTOR"),
        ("metadata", "JSON"),
        ("timestamp", "INT64"),
        ("version", "INT32"),
        ("persona_type", "VARCHAR"),
        ("is_active", "BOOL"),
        ("confidence_score", "FLOAT"),
    ]
    assert fields[6]["max_length"] == 32


def test_every_collection_is_versioned_and_searched_by_inner_product_in_one_vector_field() -> None:
    for alias, one in collections().items():
        assert one["name"] == f"{alias}_v001"
        assert [index["metric_type"] for index in one["indexes"]] == ["IP"]
        assert [field["dim"] for field in one["fields"] if field["type"] == "FLOAT_VECTOR"] == [384]


@pytest.mark.parametrize("engine", [engine for engine, files in SHIPPED.items() if files])
def test_every_migration_has_a_way_back(engine: str) -> None:
    assert [migration.name for migration in load(DATA / engine) if migration.down is None] == []


def test_buckets_are_versioned_and_have_rules() -> None:
    buckets = documents("minio", "buckets")
    assert set(buckets) == {"raw-documents", "processed-chunks", "generated-lessons", "system-artifacts"}
    for bucket in buckets.values():
        assert bucket["versioning"] is True
        assert bucket["lifecycle"]


def test_the_classifier_seed_is_rich_enough_and_without_doubles() -> None:
    lines = (DATA / "seed" / "classifier.jsonl").read_text(encoding="utf-8").splitlines()
    records = [json.loads(line) for line in lines]
    assert len(records) >= 30
    assert len({record["intent"] for record in records}) >= 15
    assert len({(record["language"], record["text"]) for record in records}) == len(records)
    for record in records:
        assert set(record) == {"text", "intent", "confidence", "language"}
        assert 0 < record["confidence"] <= 1


def test_the_system_configuration_seed_describes_every_key() -> None:
    records = json.loads((DATA / "seed" / "system_config.json").read_text(encoding="utf-8"))
    assert len({record["key"] for record in records}) == len(records) > 0
    for record in records:
        assert set(record) == {"key", "value", "description", "is_public"}
        assert record["description"]
        assert isinstance(record["is_public"], bool)
