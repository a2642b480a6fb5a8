"""What the search for secrets finds, it finds in every form, and in nothing else."""

import base64
import json
from collections.abc import Callable
from urllib.parse import quote, quote_plus

import pytest

from tests.e2e.security.canaries import Canary

SECRET = "canary-1<f&\"o'\\o %/+=$>"
TOLD: list[Callable[[str], str]] = [
    lambda value: value,
    quote,
    quote_plus,
    lambda value: quote(value, safe=""),
    lambda value: value.encode().hex(),
    lambda value: value.encode().hex().upper(),
    json.dumps,
    lambda value: json.dumps(json.dumps({"password": value})),
    lambda value: json.dumps(value).replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e"),
    repr,
    *[
        lambda value, before=before: base64.b64encode(f"{before}{value} and more".encode()).decode()
        for before in ("", "u:", "us:", "user:")
    ],
    lambda value: base64.urlsafe_b64encode(f"user:{value}".encode()).decode(),
    lambda value: base64.b64encode(value.encode()).decode().rstrip("="),
]


@pytest.mark.parametrize("told", TOLD)
def test_a_secret_is_found_in_every_form(told: Callable[[str], str]) -> None:
    canary = Canary({"one": SECRET, "another": "something else"}, control="nothing")
    assert canary.found(f"before {told(SECRET)} after".encode()) == {"one"}
    assert canary.leaks({"here": told(SECRET).encode(), "there": b"nothing"}) == {"here": {"one"}}
    assert canary.controls({"here": told(SECRET).encode(), "there": b"nothing"}) == {"there"}


def test_what_is_like_it_is_not_it() -> None:
    canary = Canary({"one": SECRET})
    assert canary.found(SECRET[:-1].encode()) == set()
    assert canary.found(base64.b64encode(SECRET[1:].encode())) == set()
