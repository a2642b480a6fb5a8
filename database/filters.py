"""Milvus' filter expressions: values travel inside the text there, so each is written as a literal."""

import json

from database.model import checks


def equals(field: str, value: str) -> str:
    """Return the condition that a text field has exactly this value; InvalidInput for a text that is no valid Unicode."""
    return f"{field} == {literal(value)}"


def every(*conditions: str) -> str:
    """Return the condition that all of these hold."""
    return " and ".join(f"({one})" for one in conditions)


def one_of(field: str, values: list[int]) -> str:
    """Return the condition that a whole number is one of these."""
    return f"{field} in [{', '.join(str(int(one)) for one in values)}]"


def literal(value: str) -> str:
    r"""Return a text in quotes, with the escapes of JSON: \", \\ and those of control characters are Milvus' too."""
    return json.dumps(checks.text(value, "a filter's value", engine="milvus"), ensure_ascii=False)
