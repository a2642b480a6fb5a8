"""Collections as migration files define them: a Python literal that is read and never executed."""

import ast
from typing import Any

_KEYS = {"name", "alias", "about", "fields", "indexes"}


def collection(body: str) -> dict[str, Any]:
    """Return the literal assigned to COLLECTION; ValueError if there is none, or if it holds more than literals."""
    try:
        statements = ast.parse(body).body
    except SyntaxError as error:
        raise ValueError(f"line {error.lineno}: {error.msg}") from None
    for statement in statements:
        if isinstance(statement, ast.Assign) and [ast.unparse(one) for one in statement.targets] == ["COLLECTION"]:
            definition = ast.literal_eval(statement.value)
            if not isinstance(definition, dict) or set(definition) != _KEYS:
                raise ValueError(f"COLLECTION is no dictionary with exactly the keys {', '.join(sorted(_KEYS))}")
            return definition
    raise ValueError("no assignment to COLLECTION")
