"""One real stack for all end-to-end tests, removed whatever happens."""

from collections.abc import Iterator

import pytest

from tests.e2e.live import LiveStack


@pytest.fixture(scope="session")
def stack() -> Iterator[LiveStack]:
    """A development stack named `test`, up and initialized."""
    live = LiveStack("test")
    live.create()
    try:
        live.up()
        yield live
    finally:
        live.erase()
