"""A production stack that is up, with everything that it can have, keeps every rule as its own preview has it, and has nothing to change."""

import json
import subprocess

import pytest

from bootstrap import places
from tests.e2e.security.conftest import Secured

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]


def test_a_preview_of_production_breaks_no_rule_and_changes_nothing(secured: Secured) -> None:
    done = subprocess.run(
        [places.CHECKOUT / "karen", "preview", "--stack", secured.live.name, "--json"],
        env=secured.live.environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    told = json.loads(done.stdout)
    assert {key: value for key, value in told.items() if isinstance(value, list) and value} == {}
    assert told["message"] == f"Preview of {secured.live.name}: nothing changes."
