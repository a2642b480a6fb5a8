"""Documents as others write them: the index takes forms that this library does not write."""

from datetime import UTC, datetime
from typing import Any

import pytest

from database.repositories.documents import _chunk

_WRITTEN: dict[str, Any] = {"document_id": "guide", "chunk_number": 0, "content": "Cats sleep."}


@pytest.mark.parametrize(
    ("written", "read"), [("cats", ("cats",)), (["cats", "sleep"], ("cats", "sleep")), (None, ()), ([], ())]
)
def test_one_tag_is_one_tag(written: Any, read: tuple[str, ...]) -> None:
    assert _chunk({**_WRITTEN, "tags": written}).tags == read


@pytest.mark.parametrize(
    ("written", "read"),
    [("2023-11-14T22:13:20Z", datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC)), ("2023-11", "2023-11"), (None, None)],
)
def test_a_time_that_python_does_not_know_keeps_nobody_from_the_page(written: Any, read: Any) -> None:
    assert _chunk({**_WRITTEN, "created_at": written}).created_at == read
