"""Messages from providers: Pulumi shows each line of a provider's standard output below the stack."""

import sys
from typing import Any


def say(text: str) -> None:
    """Write one line in one piece: lines of providers that run at the same time must not mix."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def whole_numbers(value: Any) -> Any:
    """Return a value with whole floats as integers: what comes through Pulumi's protocol has only floats."""
    if isinstance(value, dict):
        return {key: whole_numbers(item) for key, item in value.items()}
    if isinstance(value, list):
        return [whole_numbers(item) for item in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value
