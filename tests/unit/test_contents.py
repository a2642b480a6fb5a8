"""What engines tell of what a wipe would remove: a number is told only where it was counted to the end."""

from contextlib import nullcontext
from types import SimpleNamespace
from typing import Any, cast

import psycopg
import pytest
from pymilvus.client.types import LoadState

from init.engines import elasticsearch_wipe, milvus_wipe, minio, postgres_wipe


def test_of_an_index_that_is_closed_nobody_knows_how_many() -> None:
    def index(name: str, state: str, **more: object) -> dict[str, Any]:
        return {"name": name, "attributes": [state], **more}

    found = [
        index("closed", "closed"),
        index("notes_v1", "open", aliases=["notes"]),
        index("notes_v2", "open", aliases=["notes"]),
        index("half_1", "closed", data_stream="half"),
        index("half_2", "open", data_stream="half"),
        {"name": ".security-7", "attributes": ["open", "system"]},
    ]
    buckets = [{"key": name, "doc_count": 2} for name in ("notes_v1", "notes_v2", "half_2", ".security-7")]
    indices = SimpleNamespace(refresh=lambda **_: None, resolve_index=lambda **_: {"indices": found})
    client: Any = SimpleNamespace(
        indices=indices, search=lambda **_: {"aggregations": {"indices": {"buckets": buckets}}}
    )
    assert elasticsearch_wipe.contents(client) == {"closed": None, "notes": 4, "half": None}


@pytest.mark.parametrize(("written", "told"), [(7, {"at_least": 7}), (0, None)])
def test_of_a_collection_that_is_not_in_memory_only_what_is_written_is_known(written: int, told: object) -> None:
    client: Any = SimpleNamespace(
        list_databases=lambda: ["default"],
        list_collections=lambda: ["notes", "loaded"],
        describe_collection=lambda _: {"aliases": []},
        get_load_state=lambda name: {"state": LoadState.Loaded if name == "loaded" else LoadState.NotLoad},
        get_collection_stats=lambda _: {"row_count": written},
        query=lambda *_, **__: [{"count(*)": 3}],
    )
    assert milvus_wipe.contents(client, lambda _: nullcontext(client)) == {"notes": told, "loaded": 3}


def test_a_bucket_is_counted_up_to_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(minio, "_COUNT_LIMIT", 3)
    objects = {"small": [1, 2], "large": [1, 2, 3, 4]}
    driver = minio.Driver()  # type: ignore[abstract]
    driver._client = cast("Any", SimpleNamespace(list_objects=lambda bucket, **_: iter(objects[bucket])))
    monkeypatch.setattr(driver, "_list_buckets", lambda: set(objects))
    assert driver.contents() == {"large": {"at_least": 3}, "small": 2}


def test_a_table_that_was_never_analyzed_has_no_estimate() -> None:
    tables = [("public", "known", 12), ("public", "new", None)]

    class Slow:
        def execute(self, query: Any, *_: object) -> Any:
            if b"statement_timeout" in query if isinstance(query, bytes) else False:
                raise psycopg.errors.QueryCanceled
            return SimpleNamespace(fetchall=lambda: tables)

        def transaction(self) -> Any:
            return nullcontext()

    assert postgres_wipe._rows(cast("Any", Slow()), without=()) == {"known": 12, "new": None}
    assert "nullif(reltuples, -1)" in postgres_wipe._TABLES
