"""What is checked before anything is sent, each kind of wrong input with an error of its own."""

import math
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from database.errors import BadDocument, DatabaseError, DimensionMismatch, InvalidInput, TooLarge
from database.model import (
    AuditRecord,
    Conversation,
    DocumentChunk,
    Extension,
    ExtensionEvent,
    ExtensionMetric,
    Memory,
    Message,
    Profile,
    SystemSetting,
    checks,
)
from database.model.memory import DIMENSIONS
from database.repositories.mapping import tenant_name

UNIT = [1.0] + [0.0] * (DIMENSIONS - 1)
_ITSELF: dict[str, Any] = {}
_ITSELF["itself"] = _ITSELF
WRONG: list[tuple[Callable[[], Any], type[DatabaseError], str]] = [
    (lambda: Profile("", {}), InvalidInput, "user_id is empty"),
    (lambda: Profile("a" * 65, {}), TooLarge, "user_id has 65 bytes; allowed: 64"),
    (lambda: Profile("ü" * 33, {}), TooLarge, "user_id has 66 bytes; allowed: 64"),
    (lambda: Profile("a\x00", {}), InvalidInput, "user_id has a NUL character"),
    (lambda: Profile("\ud800", {}), InvalidInput, "user_id is no valid Unicode"),
    (lambda: Profile(7, {}), InvalidInput, "user_id is a int"),  # type: ignore[arg-type]
    (lambda: Profile("a", []), BadDocument, "profile is a list"),  # type: ignore[arg-type]
    (lambda: Profile("a", {"b": math.nan}), BadDocument, "profile is not JSON"),
    (lambda: Profile("a", {"b": {1}}), BadDocument, "profile is not JSON"),
    (lambda: Profile("a", _ITSELF), BadDocument, "profile is not JSON"),
    (lambda: ExtensionMetric("a", "m", math.inf), InvalidInput, "value is inf"),
    (lambda: ExtensionMetric("a", "m", 10**400), InvalidInput, "value is 1000"),
    (lambda: ExtensionMetric("a", "m", True), InvalidInput, "value is True"),
    (lambda: ExtensionMetric("a", "", 1), InvalidInput, "metric is empty"),
    (lambda: ExtensionMetric("a", "m", 1, []), BadDocument, "labels is a list"),  # type: ignore[arg-type]
    (lambda: ExtensionEvent("a" * 101, "x"), TooLarge, "extension has 101 bytes; allowed: 100"),
    (lambda: ExtensionEvent("a", "x", details={"b": math.nan}), BadDocument, "details is not JSON"),
    (lambda: Profile("a", {"b": ["\x00"]}), BadDocument, "profile has a NUL character"),
    (lambda: Profile("a", {"\x00": 1}), BadDocument, "profile has a NUL character"),
    (lambda: Profile("a", {"b": "\ud800"}), BadDocument, "profile is not JSON"),
    (lambda: Profile("a", {"b": "x" * 2**24}), TooLarge, "profile has 16777225 bytes; allowed: 16777216"),
    (lambda: Conversation("a", title="t" * 256), TooLarge, "title has 256 bytes"),
    (lambda: Message(uuid4(), "robot", "x"), InvalidInput, "role is 'robot'; allowed: system, user, assistant, tool"),
    (lambda: Message(uuid4(), "user", "x", token_count=-1), InvalidInput, "token_count is -1"),
    (lambda: Memory("a", "q", vector_id=2**63), InvalidInput, "vector_id is 9223372036854775808"),
    (lambda: Memory("a", "q", vector_id=True), InvalidInput, "vector_id is True"),
    (lambda: Memory("a", "q", timestamp=-1), InvalidInput, "timestamp is -1"),
    (
        lambda: Memory("a", "q", embedding=[1.0]),
        DimensionMismatch,
        "the embedding has 1 dimensions; the collection has 384",
    ),
    (lambda: Memory("a", "q", embedding=["x"]), InvalidInput, "the embedding is not a list of numbers"),  # type: ignore[list-item]
    (
        lambda: Memory("a", "q", embedding=[2.0] * DIMENSIONS),
        InvalidInput,
        "the embedding has the length 39.19; allowed: 1",
    ),
    (lambda: Memory("a", "q", embedding=[math.nan] * DIMENSIONS), InvalidInput, "the embedding has the length nan"),
    (lambda: Memory("a", "q", embedding=[1.2e154] * DIMENSIONS), InvalidInput, "the embedding has the length 2.35"),
    (
        lambda: Memory("a", "q", embedding=[10**400] * DIMENSIONS),
        InvalidInput,
        "the embedding is not a list of numbers",
    ),
    (lambda: DocumentChunk("d", -1, "x"), InvalidInput, "chunk_number is -1"),
    (lambda: DocumentChunk("d", 0, "x", tags=("",)), InvalidInput, "tag is empty"),
    (lambda: DocumentChunk("d", 0, "x", created_at=datetime(2026, 1, 1)), InvalidInput, "no time zone"),  # noqa: DTZ001
    (lambda: Extension("e", "1", status="gone"), InvalidInput, "status is 'gone'; allowed: installed"),
    (lambda: SystemSetting("k", math.inf), BadDocument, "value is not JSON"),
    (lambda: AuditRecord("a", outcome="maybe"), InvalidInput, "outcome is 'maybe'; allowed: success, failure, denied"),
    (lambda: tenant_name("*"), InvalidInput, "tenant is '\\*', which stands for all of them"),
    (lambda: tenant_name(None), InvalidInput, "tenant is a NoneType"),
    (lambda: checks.limit(0, engine="postgres"), InvalidInput, "limit is 0"),
    (lambda: checks.limit(1001, engine="postgres"), InvalidInput, "limit is 1001"),
]


@pytest.mark.parametrize(("make", "kind", "sentence"), WRONG)
def test_what_no_engine_would_take_is_refused_with_its_name(
    make: Callable[[], Any], kind: type[DatabaseError], sentence: str
) -> None:
    with pytest.raises(kind, match=sentence) as caught:
        make()
    assert type(caught.value) is kind
    assert caught.value.engine in ("postgres", "elasticsearch", "milvus")
    assert caught.value.fix
    assert len(str(caught.value)) < 300


def test_what_fits_is_kept_as_it_is() -> None:
    memory = Memory("u", "q", '{"a": 1}', UNIT, vector_id=-(2**63), timestamp=253_402_300_799)
    assert memory.embedding == tuple(UNIT)
    assert "embedding" not in repr(memory)
    chunk = DocumentChunk("d" * 255, 2**31 - 1, "", created_at=datetime(2026, 1, 1, tzinfo=UTC))
    assert chunk.tags == ()
    assert Profile("ü" * 32, {"a": ["'\\\"", None]}).profile == {"a": ["'\\\"", None]}


def test_new_memories_have_keys_of_their_own() -> None:
    keys = {Memory("u", "q").vector_id for _ in range(1000)}
    assert len(keys) == 1000
    assert all(0 <= key < 2**62 for key in keys)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)


@given(json_values)
def test_json_is_refused_only_for_what_no_engine_stores(value: Any) -> None:
    try:
        checks.json_value(value, "value", engine="postgres")
    except BadDocument:
        assert any(one == "\x00" or "\ud800" <= one <= "\udfff" for one in _characters(value))
    else:
        assert "\x00" not in _characters(value)


def _characters(value: Any) -> str:
    if isinstance(value, dict):
        return "".join(_characters(part) for pair in value.items() for part in pair)
    return "".join(map(_characters, value)) if isinstance(value, list) else value if isinstance(value, str) else ""
