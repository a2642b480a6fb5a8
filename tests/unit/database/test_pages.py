"""Page tokens: what they hold comes back, and nothing else is taken for one."""

import base64
import json
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from database.errors import InvalidInput
from database.model.page import Page, key_of, page, token

texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"))
VALUES: dict[type, st.SearchStrategy[Any]] = {
    str: texts,
    int: st.integers(-(2**63), 2**63 - 1),
    datetime: st.datetimes(timezones=st.just(UTC)),
    UUID: st.uuids(),
}
keys = st.lists(st.sampled_from(list(VALUES)), min_size=1, max_size=3).flatmap(
    lambda kinds: st.tuples(st.just(kinds), st.tuples(*(VALUES[kind] for kind in kinds)))
)


@given(keys)
def test_a_key_comes_back_from_its_token(given: tuple[list[type], tuple[Any, ...]]) -> None:
    kinds, key = given
    written = token(key)
    assert written.isascii()
    assert not set(written) & set("+/=& ")
    assert key_of(written, kinds, engine="postgres") == key


@given(st.text() | st.binary().map(lambda raw: base64.urlsafe_b64encode(raw).decode()) | st.integers() | st.binary())
def test_what_is_no_token_is_refused(given: object) -> None:
    with pytest.raises(InvalidInput, match="the page token is not one that this query has given"):
        key_of(given, (datetime, UUID), engine="postgres")


json_values = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.lists(st.integers(), max_size=2)


@given(st.lists(json_values, max_size=3) | st.dictionaries(st.text(), json_values, max_size=2))
def test_a_token_of_another_query_is_refused_or_has_the_right_types(given: Any) -> None:
    written = base64.urlsafe_b64encode(json.dumps(given).encode()).decode().rstrip("=")
    try:
        key = key_of(written, (str, int), engine="postgres")
    except InvalidInput:
        return
    assert key is not None
    assert [type(one) for one in key] == [str, int]
    assert -(2**63) <= key[1] < 2**63
    key[0].encode()
    assert "\x00" not in key[0]


def test_a_key_has_null_where_its_kind_allows_that() -> None:
    assert key_of(token((None, 3)), (int | None, int), engine="postgres") == (None, 3)
    assert key_of(token((2, 3)), (int | None, int), engine="postgres") == (2, 3)
    with pytest.raises(InvalidInput):
        key_of(token((None, 3)), (int, int), engine="postgres")


def test_no_token_is_the_beginning() -> None:
    assert key_of(None, (str,), engine="postgres") is None


@given(st.lists(st.integers(0, 10**6), unique=True, max_size=30), st.integers(1, 10))
def test_pages_have_every_item_once_and_in_order(values: list[int], limit: int) -> None:
    rows, read, after = sorted(values), list[int](), None
    while True:
        (last,) = key_of(after, (int,), engine="postgres") or (-1,)
        found: Page[int] = page([one for one in rows if one > last][: limit + 1], limit, lambda one: (one,))
        read += found.items
        assert len(found.items) <= limit
        if (after := found.next) is None:
            break
        assert len(found.items) == limit
    assert read == rows


def test_a_number_in_the_place_of_a_uuid_is_refused() -> None:
    forged = token(["2020-01-01T00:00:00+00:00", 5])
    with pytest.raises(InvalidInput, match="the page token is not one that this query has given"):
        key_of(forged, (datetime, UUID), engine="postgres")
