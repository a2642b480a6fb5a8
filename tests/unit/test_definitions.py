"""What a migration file of Milvus may say, and how it is told what is wrong with it."""

from typing import Any

import pytest

from init.definitions import Collection, Removal, parse

KEY = {"name": "id", "type": "INT64", "is_primary": True, "auto_id": False}
VECTOR = {"name": "embedding", "type": "FLOAT_VECTOR", "dim": 4}
INDEX = {"field_name": "embedding", "index_type": "HNSW", "metric_type": "IP", "params": {"M": 16}}


def literal(**changes: Any) -> str:
    whole: dict[str, Any] = {
        "name": "notes_v002",
        "alias": "notes",
        "about": "Notes",
        "fields": [KEY, VECTOR],
        "indexes": [INDEX],
    }
    whole |= changes
    return f"COLLECTION = { ({key: value for key, value in whole.items() if value is not None})!r}"


def test_a_collection_is_read_with_its_fields_and_indexes() -> None:
    found = parse('"""About it."""\n' + literal(replaces="notes_v001"))
    assert found == Collection("notes_v002", "notes", "Notes", (KEY, VECTOR), (INDEX,), "notes_v001")


def test_a_removal_names_collections() -> None:
    assert parse('REMOVE = ["notes_v001", "notes_v002"]') == Removal(("notes_v001", "notes_v002"))


@pytest.mark.parametrize(
    "field",
    [
        {"name": "text", "type": "VARCHAR", "max_length": 8, "default": ""},
        {"name": "document", "type": "JSON", "default": {"a": [1, 2.5]}},
        {"name": "score", "type": "FLOAT", "default": 1},
        {"name": "active", "type": "BOOL", "default": False},
        {"name": "small", "type": "INT8", "default": -128},
    ],
)
def test_a_default_is_what_the_field_takes(field: dict[str, Any]) -> None:
    found = parse(literal(fields=[KEY, VECTOR, field]))
    assert isinstance(found, Collection)
    assert found.fields[2]["default"] == field["default"]


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("x = 1", "no assignment to COLLECTION or REMOVE"),
        ("COLLECTION = {", "line 1"),
        ("COLLECTION = open('/etc/passwd').read()", "malformed"),
        (literal() + '\nREMOVE = ["a"]', "COLLECTION and REMOVE in one file"),
        ("REMOVE = []", r"REMOVE is \[\]; allowed: a list of collections' names"),
        ('REMOVE = ["a b"]', "allowed: a list of collections' names"),
        ("COLLECTION = {}", "'name' is missing; allowed: a dictionary with exactly the keys about, alias"),
        (literal(about=None), "'about' is missing"),
        (literal(replace="notes_v001"), "'replace' is not known; allowed: .*replaces"),
        (literal(name="notes-2"), "name is 'notes-2'; allowed: letters, digits and underscores"),
        (literal(alias="notes_v002"), "not all different"),
        (literal(replaces="notes_v002"), "not all different"),
        (literal(about=1), "about is 1; allowed: a sentence"),
        (literal(fields=[]), r"fields is \[\]; allowed: a list of dictionaries"),
        (literal(fields=[KEY, KEY, VECTOR]), "two of one name"),
        (literal(fields=[VECTOR]), "0 with is_primary; allowed: one, of type INT64 or VARCHAR"),
        (
            literal(fields=[KEY, {**VECTOR, "dimension": 4}]),
            "field 'embedding': 'dimension' is not known; allowed: name",
        ),
        (literal(fields=[{"name": "id", "is_primary": True}]), "field 'id': 'type' is missing"),
        (literal(fields=[KEY, {**VECTOR, "type": "VECTOR"}]), "type is 'VECTOR'; allowed: BOOL"),
        (literal(fields=[KEY, {**VECTOR, "dim": 0}]), "dim is 0; allowed: 1 to 32768, for FLOAT_VECTOR only"),
        (literal(fields=[{**KEY, "max_length": 8}, VECTOR]), "max_length is 8; allowed: .* for VARCHAR only"),
        (literal(fields=[KEY, VECTOR, {"name": "text", "type": "VARCHAR"}]), "max_length is None"),
        (literal(fields=[KEY, VECTOR, {"name": "n", "type": "INT8", "default": 128}]), "default is 128; allowed: int"),
        (literal(fields=[KEY, VECTOR, {"name": "n", "type": "INT64", "default": True}]), "default is True"),
        (literal(fields=[KEY, {**VECTOR, "default": [0.0]}]), "default is .*; allowed: list"),
        (literal(indexes=[{**INDEX, "field_name": "id2"}]), "index of 'id2': no such field; allowed: id, embedding"),
        (literal(indexes=[{**INDEX, "kind": 1}]), "index of 'embedding': 'kind' is not known"),
        (literal(indexes=[{**INDEX, "field_name": "id"}]), "embedding: no vector index"),
    ],
)
def test_what_is_wrong_is_named_with_what_is_allowed(body: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        parse(body)
