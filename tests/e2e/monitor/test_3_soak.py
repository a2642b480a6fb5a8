"""A minute of `make soak`."""

import pytest

from tests.e2e.monitor.conftest import INTERVAL
from tests.e2e.monitor.soak import soak
from tests.e2e.monitor.watching import Watching

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(400)]


def test_memory_is_flat_and_checks_are_on_time(watching: Watching) -> None:
    seen = soak(watching, minutes=1, interval=INTERVAL)
    assert seen.wrong == [], str(seen)
