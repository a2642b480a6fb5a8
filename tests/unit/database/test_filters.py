"""Milvus' filters: whatever a tenant is called, it stays inside its quotes and means itself."""

import json
import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from database import filters
from database.errors import InvalidInput

# Milvus 2.3, internal/parser/planparserv2/Plan.g4: StringLiteral in double quotes; what it holds is unquoted as Go does it.
_LITERAL = re.compile(
    r'"(?:[^"\\\r\n]|\\(?:[\'"?abfnrtv\\]|\r?\n|[0-7]{1,3}|x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}))*"'
)
_IN_GO = re.compile(r'\\(?:[abfnrtv\\"]|[0-7]{3}|x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8})')
texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"))
hostile = st.text(st.sampled_from(list("\"'\\\n\r\t\x01\x7f|&=() abtenantorxu0{}%\u2028")), max_size=30)


@given(texts | hostile)
@example('" or tenant_id != "')
@example("\\")
@example('\\" or 1 == 1 or "')
@example("a'b")
@example("\\u0022")
def test_a_value_is_one_literal_that_means_itself(value: str) -> None:
    written = filters.literal(value)
    assert _LITERAL.fullmatch(written)
    # Every escape is one that Go knows, and means in it what it means in JSON.
    assert "\\" not in _IN_GO.sub("", written)
    assert json.loads(written) == value


@given(hostile, hostile)
def test_conditions_stay_apart(tenant: str, user: str) -> None:
    written = filters.every(filters.equals("tenant_id", tenant), filters.equals("user_id", user))
    assert _LITERAL.sub("X", written) == "(tenant_id == X) and (user_id == X)"


@pytest.mark.parametrize("value", ["\x00", "a\ud800"])
def test_what_is_no_text_of_a_row_is_refused(value: str) -> None:
    with pytest.raises(InvalidInput, match="a filter's value"):
        filters.equals("tenant_id", value)


def test_keys_are_written_as_numbers() -> None:
    assert filters.one_of("vector_id", [1, -(2**63), True]) == "vector_id in [1, -9223372036854775808, 1]"
    with pytest.raises(ValueError, match="invalid literal"):
        filters.one_of("vector_id", ["1] or true or vector_id in [2"])  # type: ignore[list-item]
