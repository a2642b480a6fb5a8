"""Containers that were killed, the one that makes sets among them: `make up` brings all back, and a start is no error."""

import subprocess

import pytest

from bootstrap import places
from tests.e2e.backups.samples import document
from tests.e2e.backups.small import Small
from tests.e2e.live import healthy

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]
_NOT_FOLLOWED = "log is not followed"


def kill(small: Small, *services: str) -> None:
    containers = [small.live.container(service) for service in services]
    subprocess.run(["docker", "kill", *containers], check=True, capture_output=True)


def test_make_up_brings_all_back_and_has_nothing_to_complain_of(small: Small) -> None:
    kill(small, "postgres", "redis", "backups")
    command = ["make", "up", f"STACK={small.live.name}"]
    done = subprocess.run(command, cwd=places.CHECKOUT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert _NOT_FOLLOWED not in done.stdout


def test_a_service_that_was_just_started_is_starting(small: Small) -> None:
    kill(small, "backups")
    document(small.live, "status", code=1)
    small.engine.api.start(small.live.container("backups"))
    told = document(small.live, "status")
    assert [one["state"] for one in told["services"] if one["service"] == "backups"] == ["starting"]
    assert [one for one in told["alerts"] if _NOT_FOLLOWED in one["summary"]] == []
    healthy(small.live.container("backups"))
