"""Ledgers while somebody works on an engine: what is half done there is no drift."""

from collections.abc import Callable
from typing import Any

import pytest

from monitor import ledgers
from monitor.ledgers import Ledgers

_ANSWER = {"ledger": [], "mirrored": True, "drift": ["column a.b was dropped"], "schema_version": "002"}


def looking(monkeypatch: pytest.MonkeyPatch, meanwhile: Callable[[], object] = lambda: None) -> list[str]:
    """Have looks find drift, and return the list of engines that are looked at."""
    seen = []

    def look(request: dict[str, Any]) -> dict[str, Any]:
        seen.append(request["engine"])
        meanwhile()
        return _ANSWER

    monkeypatch.setattr(ledgers, "look", look)
    return seen


def test_what_was_found_before_a_maintenance_is_not_told_after_it(monkeypatch: pytest.MonkeyPatch) -> None:
    seen, found = looking(monkeypatch), Ledgers({"postgres": {}})
    found._look("postgres")
    assert found.current["postgres"].problems
    found.hold({"postgres"})
    found._look("postgres")
    assert seen == ["postgres"]
    assert found.current == {}
    # Its version is still known.
    assert found.found["postgres"].version == "002"
    assert not found._wake.is_set()
    found.hold(set())
    assert found._wake.is_set()
    assert found.current == {}
    found._look("postgres")
    assert found.current["postgres"].problems


def test_a_look_in_which_a_maintenance_begins_tells_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    found = Ledgers({"postgres": {}})

    def meanwhile() -> None:
        found.hold({"postgres"})
        found.hold(set())

    looking(monkeypatch, meanwhile)
    found._look("postgres")
    assert found.found == {}
