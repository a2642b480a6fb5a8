"""Three minutes of `make soak`."""

import pytest

from tests.e2e.monitor.soak import MEBIBYTES, soak
from tests.e2e.monitor.watching import Watching

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(400)]


def test_memory_is_flat_and_checks_are_on_time(watching: Watching) -> None:
    seen = soak(watching, minutes=3)
    assert seen.checks > 60
    assert seen.on_time > 0.99
    assert seen.grown < MEBIBYTES, str(seen)
