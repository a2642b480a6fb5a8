"""Documents in a real Elasticsearch: written whole, read in pages, found by their text, each tenant's apart."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import assume, given, settings

from database.errors import BadDocument, InvalidInput, MissingObject
from database.model import DocumentChunk
from database.repositories import documents
from database.repositories.documents import ElasticsearchDocuments
from tests.contract.database.opened import Opened
from tests.contract.database.tenants import names

pytestmark = pytest.mark.contract
INDEX = "ai_karen_documents"


def of(world: Opened, tenant: str) -> ElasticsearchDocuments:
    return ElasticsearchDocuments(world.clients.elasticsearch, tenant)


def chunks(document: str, count: int, text: str = "What the cats do at night") -> list[DocumentChunk]:
    moment = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    return [
        DocumentChunk(
            document,
            number,
            f"{text}, part {number}",
            "user",
            "Cats",
            tags=("a",),
            metadata={"n": 1},
            created_at=moment,
        )
        for number in range(count)
    ]


def test_a_document_is_read_as_it_was_written(world: Opened) -> None:
    async def check() -> None:
        mine, name = of(world, "reading"), uuid4().hex
        written = chunks(name, 5)
        await mine.put(written)
        # By its key at once, in searches after a refresh.
        assert [await mine.get(name, number) for number in range(6)] == [*written, None]
        await mine.put(written, wait=True)
        first = await mine.page(document_id=name, limit=2)
        second = await mine.page(document_id=name, limit=2, after=first.next)
        third = await mine.page(document_id=name, limit=2, after=second.next)
        assert [*first.items, *second.items, *third.items] == written
        assert third.next is None
        assert (await mine.search("sleeping cat", limit=1))[0].document_id == name
        assert await mine.search("cat", user_id="another") == []

    world.run(check())


def test_what_a_shorter_version_no_longer_has_is_gone(world: Opened) -> None:
    async def check() -> None:
        mine, name = of(world, "shorter"), uuid4().hex
        await mine.put(chunks(name, 5))
        await mine.put(chunks(name, 2, "dogs"), wait=True)
        assert [one.content for one in (await mine.page(document_id=name)).items] == ["dogs, part 0", "dogs, part 1"]
        assert await mine.delete(name, wait=True) == 2
        assert (await mine.page(document_id=name)).items == ()
        assert await mine.get(name) is None

    world.run(check())


def test_wrong_documents_are_refused_before_anything_is_written(world: Opened) -> None:
    async def check() -> None:
        mine = of(world, "wrong")
        for wrong in ([], chunks("a", 3)[1:], [*chunks("a", 1), *chunks("b", 1)]):
            with pytest.raises(InvalidInput, match=r"chunks .* of"):
                await mine.put(wrong)
        assert (await mine.page()).items == ()

    world.run(check())


def test_what_the_mapping_refuses_is_named(world: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(DocumentChunk, "__post_init__", lambda _: None)

    async def check() -> None:
        wrong = DocumentChunk("d", 0, {"not": "a text"})  # type: ignore[arg-type]
        with pytest.raises(BadDocument, match="'d' is refused: "):
            await of(world, "refused").put([wrong])

    world.run(check())


def test_an_index_never_comes_to_be_by_itself(world: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(documents, "ALIAS", "ai_karen_nothing")

    async def check() -> None:
        mine = of(world, "missing")
        for work in (mine.put(chunks("d", 1)), mine.get("d"), mine.page(), mine.search("d"), mine.delete("d")):
            with pytest.raises(MissingObject):
                await work

    world.run(check())
    assert not world.stack.elasticsearch.indices.exists(index="ai_karen_nothing")


Call = Callable[[ElasticsearchDocuments, str], Awaitable[Any]]
METHODS: dict[str, Call] = {
    "get": lambda mine, name: mine.get(name),
    "put": lambda mine, name: mine.put(chunks(name, 1, "taken"), wait=True),
    "page": lambda mine, name: mine.page(document_id=name),
    "page of all": lambda mine, _: mine.page(limit=1000),
    "search": lambda mine, _: mine.search("cats night", limit=1000),
    "delete": lambda mine, name: mine.delete(name, wait=True),
}


@pytest.mark.parametrize("method", METHODS)
@settings(max_examples=8)
@given(first=names, second=names)
def test_one_tenant_neither_sees_nor_changes_what_another_has(
    world: Opened, method: str, first: str, second: str
) -> None:
    assume(first != second)

    async def check() -> None:
        name = uuid4().hex
        await of(world, first).put(written := chunks(name, 2), wait=True)
        given = await METHODS[method](of(world, second), name)
        assert name not in repr(given)
        assert not given or method in ("page", "page of all", "search")
        assert list((await of(world, first).page(document_id=name)).items) == written
        assert await of(world, first).get(name, 1) == written[1]
        # A tenant has documents of its own under any name.
        kept = (await of(world, second).page(document_id=name)).items
        assert [one.content for one in kept] == (["taken, part 0"] if method == "put" else [])

    world.run(check())
