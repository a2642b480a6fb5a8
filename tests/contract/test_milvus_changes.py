"""Changes to Milvus' collections lose nothing: up, down and up again, refusals, and failures, against a real server."""

from collections.abc import Iterator, Mapping
from concurrent.futures import Future
from pathlib import Path

import pytest
from pymilvus import DataType

import init
from init.engines.base import Work
from init.migrations import Script, load
from init.protocol import Failure
from tests.contract.milvus_server import (
    INDEX,
    KEY,
    SCALARS,
    TEXT,
    VECTOR,
    Server,
    Trial,
    body,
    contents,
    entry,
    fill,
    rows,
    run,
    schema,
    target,
)

DATA = Path(init.__file__).parent / "data" / "milvus"
pytestmark = [pytest.mark.contract, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def server(open_milvus: Server) -> Iterator[Server]:
    server = open_milvus.emptied()
    yield server
    server.driver.close()


def test_the_shipped_collections_go_and_come_back_the_same(server: Server) -> None:
    shipped = load(DATA)
    driver, work = server.another(), {one.name: entry(one.name, one.up.body) for one in shipped}
    for one in shipped:
        driver.check(one.up)
        driver.execute(one.up, Work(work[one.name]))
    driver.seed({})
    before = driver.objects()
    assert {key for key in before if key.startswith(("collection ", "alias ", "index "))} == {
        "collection persona_embeddings_v001",
        "alias persona_embeddings",
        "index persona_embeddings_v001.embedding",
        "collection memory_embeddings_v001",
        "alias memory_embeddings",
        "index memory_embeddings_v001.embedding",
    }
    assert before["field persona_embeddings_v001.user_id"] == "VARCHAR, max_length 64, primary key"
    assert before["index memory_embeddings_v001.embedding"] == (
        "M 16, efConstruction 200, index_type HNSW, metric_type IP"
    )
    assert driver.verify() == {"memory_embeddings": 0, "persona_embeddings": 0}
    for _ in range(2):
        for one in reversed(shipped):
            assert one.down is not None
            driver.execute(one.down, Work(work[one.name].changed(state="reverting")))
    assert driver.objects() == {}
    for one in shipped:
        driver.execute(one.up, Work(work[one.name]))
    driver.seed({})
    assert driver.objects() == before
    for one in shipped:
        assert one.down is not None
        driver.execute(one.down, Work(work[one.name].changed(state="reverting")))


@pytest.mark.full
def test_keys_may_be_texts_of_any_kind(server: Server) -> None:
    fields = [{**TEXT, "name": "id", "is_primary": True, "auto_id": False}, VECTOR, *SCALARS]
    run(server.driver, 1, body("named", 1, fields))
    stored = fill(server, "named_v001", rows(100, fields))
    run(server.driver, 2, body("named", 2, fields))
    assert contents(server, "named_v002") == stored
    run(server.driver, 1, 'REMOVE = ["named_v001", "named_v002"]', way_back=True)


@pytest.mark.full
def test_older_versions_stay_known_when_a_change_is_taken_back(server: Server) -> None:
    fields = [KEY, TEXT, VECTOR]
    names = [f"chain_v{version:03}" for version in (1, 2, 3)]
    for version in (1, 2, 3):
        run(server.driver, version, body("chain", version, fields))
    assert sorted(server.driver.kept()) == names[:2]
    with pytest.raises(Failure, match="collection chain_v001 is kept as an old version") as caught:
        run(server.driver, 4, body("chain", 1, fields, replaces=names[2]))
    assert caught.value.fix.startswith("./karen migrate confirm milvus")
    run(server.driver, 3, body("chain", 2, fields, replaces=names[2]), way_back=True)
    assert sorted(server.driver.kept()) == names[:1]
    assert target(server, "chain") == names[1]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            body("strict", 2, [KEY, {**TEXT, "max_length": 39}, VECTOR]),
            "takes 40 bytes, not 39; allowed: the same or more",
        ),
        (
            body("strict", 2, [KEY, {**TEXT, "name": "title"}, VECTOR]),
            "field title is not in strict_v001; allowed: with a",
        ),
        (body("strict", 2, [KEY, {"name": "text", "type": "JSON"}, VECTOR]), "is VARCHAR, not JSON"),
        (body("strict", 2, [{**TEXT, "is_primary": True}, VECTOR]), "the primary key of strict_v001 is id"),
        (body("strict", 2, [{**KEY, "auto_id": True}, TEXT, VECTOR]), "is generated"),
        (body("strict", 2, [KEY, VECTOR], replaces="nothing_v001"), "there is no collection nothing_v001"),
        (body("strict", 2, [KEY, VECTOR], alias="elsewhere"), "alias elsewhere points to nothing, not to strict_v001"),
        (body("strict", 1, [KEY, TEXT, VECTOR]), "strict_v001 exists and was not made by this migration"),
        (
            body("strict", 1, [KEY, VECTOR], name="other_v001"),
            "points to strict_v001 already; to change that one, say rep",
        ),
        (body("strict_v001", 1, [KEY, VECTOR]), "alias strict_v001 is the name of a collection"),
        ('REMOVE = ["foreign"]', "REMOVE names foreign, which no migration has made"),
        ("COLLECTION = {}", "'name' is missing; allowed: "),
    ],
)
def test_a_script_that_does_not_fit_is_refused_before_anything_is_written(
    server: Server, text: str, message: str
) -> None:
    if not server.client.has_collection("strict_v001"):
        run(server.driver, 1, body("strict", 1, [KEY, TEXT, VECTOR]))
        # Not by its dimension alone, which would wait until it is loaded.
        schema = server.client.create_schema().add_field("id", DataType.INT64, is_primary=True)
        server.client.create_collection("foreign", schema=schema.add_field("v", DataType.FLOAT_VECTOR, dim=4))
    before = server.driver.objects()
    with pytest.raises(Failure, match=message) as caught:
        server.driver.check(Script("002_test.py", text))
    assert caught.value.kind == "MigrationFailed"
    assert server.driver.objects() == before


def test_a_collection_that_cannot_be_completed_is_removed_again(server: Server) -> None:
    with pytest.raises(Failure, match="invalid index type") as caught:
        run(server.driver, 1, body("broken", 1, [KEY, VECTOR], indexes=[{**INDEX, "index_type": "NONE_SUCH"}]))
    assert caught.value.kind == "MigrationFailed"
    assert not server.client.has_collection("broken_v001")


def test_what_was_dropped_by_hand_is_missing_in_the_schema(server: Server) -> None:
    for alias in ("one", "two", "three"):
        run(server.driver, 1, body(alias, 1, [KEY, VECTOR]))
    server.driver.seed({})
    before = server.driver.objects()
    server.client.release_collection("one_v001")
    server.client.drop_index("one_v001", "embedding")
    server.client.drop_alias("two")
    server.client.drop_collection("three_v001")
    after = server.driver.objects()
    assert before.keys() - after.keys() == {
        "index one_v001.embedding",
        "alias two",
        "collection three_v001",
        "field three_v001.id",
        "field three_v001.embedding",
        "index three_v001.embedding",
        "alias three",
    }
    assert {name: before[name] for name in after} == after
    # The alias of the dropped collection is still there and points to nothing.
    run(server.driver, 1, body("three", 1, [KEY, VECTOR]))
    assert target(server, "three") == "three_v001"
    assert server.driver.objects().keys() == before.keys() - {"index one_v001.embedding", "alias two"}


def a_change_by_copy_keeps_every_row_and_the_old_version(server: Server) -> None:
    first = [KEY, TEXT, VECTOR, *SCALARS]

    def kept() -> dict[str, int]:
        return {name: count for name, count in server.driver.kept().items() if name.startswith("notes")}

    added = {"name": "source", "type": "VARCHAR", "max_length": 8, "default": "old"}
    second = [KEY, {**TEXT, "max_length": 80}, VECTOR, *SCALARS, added]
    run(server.driver, 1, body("notes", 1, first))
    before = schema(server, "notes")
    # A page of such rows is about 700.
    stored = fill(server, "notes_v001", rows(1500, first))
    assert len(stored) == 1500
    run(server.driver, 2, body("notes", 2, second))
    after = schema(server, "notes")
    assert target(server, "notes") == "notes_v002"
    assert contents(server, "notes") == {key: {**row, "source": "old"} for key, row in stored.items()}
    assert kept() == {"notes_v001": 1500}
    assert not any("notes_v001" in name for name in after)
    with pytest.raises(Failure, match=r"notes_v002 is no old version; allowed: .*notes_v001"):
        server.driver.drop_kept(["notes_v001", "notes_v002"])

    run(server.driver, 2, body("notes", 1, first, replaces="notes_v002"), way_back=True)
    assert contents(server, "notes") == stored
    assert schema(server, "notes") == before
    assert kept() == {}
    run(server.driver, 2, body("notes", 2, second))
    assert schema(server, "notes") == after
    server.driver.drop_kept(["notes_v001"])
    assert kept() == {}
    assert len(contents(server, "notes")) == 1500


def a_change_of_dimension_is_refused_and_the_old_data_are_served(server: Server) -> None:
    fields = [KEY, TEXT, VECTOR]
    run(server.driver, 1, body("flat", 1, fields))
    stored = fill(server, "flat_v001", rows(10, fields))
    before = schema(server, "flat")
    with pytest.raises(Failure, match=r"field embedding of flat_v001 has 8 dimensions, not 16") as caught:
        run(server.driver, 2, body("flat", 2, [KEY, TEXT, {**VECTOR, "dim": 16}]))
    assert caught.value.kind == "MigrationFailed"
    assert schema(server, "flat") == before
    assert contents(server, "flat") == stored


def a_copy_that_does_not_fit_or_takes_too_long_leaves_everything_as_it_was(server: Server) -> None:
    narrow, wide = [KEY, TEXT, VECTOR], [KEY, {**TEXT, "max_length": 80}, VECTOR]
    run(server.driver, 1, body("narrow", 1, narrow))
    fill(server, "narrow_v001", rows(10, narrow))
    run(server.driver, 2, body("narrow", 2, wide))
    stored = fill(server, "narrow_v002", [{**rows(1, wide, seed=3)[0], "text": "x" * 60}])
    before = schema(server, "narrow")
    with pytest.raises(Failure, match="exceeds max length") as caught:
        run(server.driver, 2, body("narrow", 1, narrow, replaces="narrow_v002"), way_back=True)
    assert caught.value.kind == "MigrationFailed"
    with pytest.raises(Failure, match=r"not done after 0.001 s .* allowed: a longer timeout") as caught:
        run(server.driver, 3, body("narrow", 3, wide), seconds=0.001)
    assert caught.value.kind == "MigrationFailed"
    assert schema(server, "narrow") == before
    assert target(server, "narrow") == "narrow_v002"
    assert contents(server, "narrow") == stored


@pytest.mark.parametrize(
    "trial",
    [
        a_change_by_copy_keeps_every_row_and_the_old_version,
        a_change_of_dimension_is_refused_and_the_old_data_are_served,
        a_copy_that_does_not_fit_or_takes_too_long_leaves_everything_as_it_was,
    ],
    ids=lambda trial: trial.__name__,
)
def test_a_change_of_a_schema(trials: Mapping[Trial, Future[None]], trial: Trial) -> None:
    trials[trial].result()
