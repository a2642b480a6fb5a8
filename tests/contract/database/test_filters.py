"""Milvus' filters in a real Milvus: whatever a tenant is called, its filter finds its own rows and nobody else's."""

import asyncio
from collections.abc import Iterator, Mapping
from typing import Any
from uuid import uuid4

import pymilvus
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pymilvus import DataType

from database import filters
from tests.contract.database.opened import Opened
from tests.contract.database.tenants import HOSTILE, names

pytestmark = pytest.mark.contract
_FIELDS = ("tenant_id", "user_id")
_TENANTS = st.lists(names.filter(lambda one: len(one.encode()) <= 64), min_size=4, max_size=40, unique=True)


@pytest.fixture(scope="module")
def collection(world: Opened) -> Iterator[str]:
    """A collection with the columns that filters are for."""
    client, name = world.stack.milvus, f"filters_{uuid4().hex}"
    schema = pymilvus.MilvusClient.create_schema(auto_id=False)
    schema.add_field("id", DataType.INT64, is_primary=True)
    for field in _FIELDS:
        schema.add_field(field, DataType.VARCHAR, max_length=64)
    schema.add_field("vector", DataType.FLOAT_VECTOR, dim=2)
    index = client.prepare_index_params()
    index.add_index("vector", index_type="FLAT", metric_type="IP")
    client.create_collection(name, schema=schema, index_params=index)
    yield name
    client.drop_collection(name)


@pytest.mark.parametrize("examples", [3, pytest.param(50, marks=pytest.mark.full)])
def test_a_filter_finds_its_own_rows_and_no_others(world: Opened, collection: str, examples: int) -> None:
    @settings(max_examples=examples)
    @given(drawn=_TENANTS)
    def check(drawn: list[str]) -> None:
        world.run(_keeps_apart(world, collection, list(dict.fromkeys([*HOSTILE, *drawn]))))

    check()


async def _keeps_apart(world: Opened, collection: str, tenants: list[str]) -> None:
    # The users are called as the tenants are, in another order, so that one condition cannot stand for the other.
    held = {number: {"tenant_id": tenant, "user_id": tenants[-1 - number]} for number, tenant in enumerate(tenants)}
    rows = [{"id": key, "vector": [1.0, 0.0], **one} for key, one in held.items()]
    milvus = world.clients.milvus
    await milvus.run("empty", lambda one: one.delete(collection, filter="id >= 0"))
    await milvus.run("write", lambda one: one.upsert(collection, rows))
    # What the filters are compared with: every row, without a filter on a text.
    everything = await milvus.run("read", lambda one: _found(one, collection, "id >= 0"))
    assert {one["id"]: {field: one[field] for field in _FIELDS} for one in everything} == held
    found = await asyncio.gather(*(_by_tenant(world, collection, one) for one in tenants))
    assert found == [[number] for number in held]
    both = await asyncio.gather(*(_by_both(world, collection, one) for one in held.values()))
    assert both == [[number] for number in held]
    for absent in ("nobody", '" or id >= 0 or tenant_id == "', "\\"):
        if absent not in tenants:
            assert await _by_tenant(world, collection, absent) == []


async def _by_tenant(world: Opened, collection: str, tenant: str) -> list[int]:
    return await _keys(world, collection, filters.equals("tenant_id", tenant))


async def _by_both(world: Opened, collection: str, row: Mapping[str, str]) -> list[int]:
    return await _keys(world, collection, filters.every(*(filters.equals(field, row[field]) for field in _FIELDS)))


async def _keys(world: Opened, collection: str, condition: str) -> list[int]:
    found = await world.clients.milvus.run("read", lambda one: _found(one, collection, condition), repeatable=True)
    return sorted(one["id"] for one in found)


async def _found(client: Any, collection: str, condition: str) -> list[Any]:
    return list(
        await client.query(
            collection, filter=condition, output_fields=["id", *_FIELDS], limit=1000, consistency_level="Strong"
        )
    )
