"""A container of backups that was just started is starting, which is no error; after its time it is one."""

import time
from dataclasses import replace
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest

from backup.archive_state import ArchiveState
from backup.service.status import Outcome, Status
from monitor.backup_rules import START_SECONDS, conditions
from ops.cli.doctor import backups, stack
from ops.cli.doctor.model import Patient
from ops.cli.services import status
from ops.cli.services.backed import since
from ops.cli.services.containers import Server

NOW = 1_795_000_000.0
GOOD = Outcome(trigger="schedule", began=NOW - 3600, ended=NOW - 3540, state="good", set="a")
TORN = ArchiveState(error="postgres: refused", lag_seconds=3.0)
KEPT = Status(at=NOW, schedule="0 0 1 1 *", next=NOW + 3600, last=GOOD, good=GOOD, archive=TORN)


def server(
    ago: float, health: str = "starting", *, restarts: int = 0, service: str = "backups", now: float = 0.0
) -> Server:
    """Return a server whose container began so many seconds ago, and is to be healthy after a minute."""
    at = datetime.fromtimestamp((now or time.time()) - ago, UTC)
    state = {
        "Running": True, "Paused": False, "Status": "running", "StartedAt": f"{at:%Y-%m-%dT%H:%M:%S}.123456789Z",
        "Health": {"Status": health},
    }  # fmt: skip
    facts = {
        "Name": "/c",
        "RestartCount": restarts,
        "Config": {"Healthcheck": {"StartPeriod": 60 * 10**9}},
        "State": state,
    }
    return Server(service, facts)


@pytest.mark.parametrize(
    ("ago", "health", "restarts", "expected"),
    [
        (5, "starting", 0, True),
        (55, "starting", 0, True),
        (62, "starting", 0, False),
        (5, "healthy", 0, False),
        (5, "unhealthy", 0, False),
        # What ends again and again is always just started.
        (5, "starting", 1, False),
    ],
)
def test_a_server_is_starting_for_as_long_as_its_health_check_has_it(
    ago: float, health: str, restarts: int, expected: bool
) -> None:
    assert server(ago, health, restarts=restarts).starting is expected


def rows(**states: str) -> list[dict[str, Any]]:
    return [{"service": name, "state": state, "health": None} for name, state in states.items()]


def test_one_that_is_starting_beside_the_engines_is_not_wrong_and_one_that_takes_too_long_is() -> None:
    found = rows(postgres="healthy", backups="starting")
    assert status._wrong(found, None, {"backups"}) == []
    assert status._wrong(found, None, ()) == ["backups is starting"]
    # An application waits for an engine.
    assert status._beside({"postgres": server(5, service="postgres"), "backups": server(5)}) == {"backups"}
    assert status._beside({"backups": server(62)}) == set()


def told(began: float) -> list[str]:
    return [one.key for one in conditions(KEPT, NOW, "dev", since=began)]


def test_the_log_is_not_missed_before_it_can_be_followed() -> None:
    assert told(NOW - 1) == []
    assert told(NOW - START_SECONDS + 1) == []
    assert told(NOW - START_SECONDS) == ["wal-lag"]
    assert told(0.0) == ["wal-lag"]
    # A clock that was set back is no excuse for ever.
    assert told(NOW + 10) == ["wal-lag"]
    # What is too much is too much at once.
    late = replace(KEPT, archive=ArchiveState(lag_seconds=301.0))
    assert [one.key for one in conditions(late, NOW, "dev", since=NOW - 1)] == ["wal-lag"]


def test_a_service_has_its_time_since_it_or_postgres_was_started() -> None:
    service, postgres = server(500, now=NOW), server(30, now=NOW)
    assert since(service, postgres) == pytest.approx(NOW - 30, abs=1)
    assert since(service, None) == pytest.approx(NOW - 500, abs=1)
    assert since(server(5, restarts=2), None) == since() == 0.0


def test_doctor_takes_it_for_no_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    facts = {"Id": "abc", "Mounts": [], **server(5).facts}
    listed = [{"Id": "abc", "Labels": {"com.ai-karen.service": "backups"}, "Names": ["/c"]}]
    api = SimpleNamespace(inspect_container=lambda _: facts, containers=lambda **_: listed)
    patient = Patient("dev", SimpleNamespace(api=api))  # type: ignore[arg-type]
    monkeypatch.setattr(backups, "read", lambda *_: replace(KEPT, at=time.time(), next=time.time() + 60))
    monkeypatch.setattr(backups, "apart", lambda *_: ())
    assert "not followed" not in str(list(backups._made(patient)))
    assert [(one.status, one.message) for one in stack.servers(patient)] == [("warning", "backups is starting")]
    facts |= {**server(70).facts}
    assert "not followed" in str(list(backups._made(patient)))
    assert [one.status for one in stack.servers(patient)] == ["problem"]
