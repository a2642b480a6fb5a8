"""The changes whose previews docs/preview.md shows: what is asked of a live stack, and how what Pulumi prints is kept."""

import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bootstrap import places
from init.migrations import load
from tests.e2e.live import LiveStack

STACK = "test"
RECORDED = Path(__file__).parent / "unit" / "preview" / "recorded"
PAGE = places.CHECKOUT / "docs" / "preview.md"
# What a review does not read, is another each time, or names places of this machine.
_LEFT_OUT = {"outputs", "propertyDependencies", "sourcePosition", "stackTrace", "created", "modified", "__provider"}
_OF_SAME = {"urn", "type", "protect"}


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """One change: settings, migrations of PostgreSQL by name, and an edit of a file of the program (path, old, new)."""

    settings: Mapping[str, str] = field(default_factory=dict)
    migrations: Mapping[str, str] = field(default_factory=dict)
    edit: tuple[str, str, str] | None = None
    code: int = 0


SCENARIOS = {
    "changes": Scenario(
        settings={
            "duckdbHostDirectory": "/srv/ai-karen/duckdb",
            "redisMemory": "96m",
            "etcdCpus": "0.5",
            "elasticsearchMemory": "1280m",
        },
        migrations={
            "remove_system_config": "DROP TABLE system_config;\n",
            "add_tags": "CREATE TABLE tags (id integer PRIMARY KEY, tag text NOT NULL);\n",
        },
    ),
    "policy": Scenario(
        edit=("components/container.py", 'restart: str = "unless-stopped"', 'restart: str = "on-failure"'), code=1
    ),
    "refused": Scenario(settings={"postgresMemory": "1m"}, code=1),
}


@contextmanager
def asked(stack: LiveStack, scenario: Scenario, directory: Path) -> Iterator[dict[str, str]]:
    """Configure a change, and take it back afterwards; yields the environment in which it is seen."""
    data = directory / "data"
    shutil.copytree(places.CHECKOUT / "init" / "data", data)
    last = int(load(data / "postgres")[-1].version)
    for number, (name, text) in enumerate(scenario.migrations.items(), start=last + 1):
        (data / "postgres" / f"{number:03}_{name}.sql").write_text(text)
    before = dict(stack.settings)
    path, old, new = scenario.edit or ("", "", "")
    program = (places.CHECKOUT / path).read_text() if path else ""
    assert program.count(old) == 1 or not path, f"{path} does not have {old!r} once"
    try:
        stack.configure(**scenario.settings)
        if path:
            (places.CHECKOUT / path).write_text(program.replace(old, new))
        yield {**stack.environment, "KAREN_DATA": str(data), "NO_COLOR": "1"}
    finally:
        if path:
            (places.CHECKOUT / path).write_text(program)
        stack.configure(**{key: before.get(key) for key in scenario.settings})


def numbered(text: str) -> str:
    """Return a text in which migrations of the scenarios have the same numbers, whatever is shipped."""
    names = [name for scenario in SCENARIOS.values() for name in scenario.migrations]
    return re.sub(rf"\d{{3}}_({'|'.join(names)})", r"NNN_\1", text)


def example(page: str, name: str) -> str:
    """Return one of the comments that a page shows."""
    return page[_place(page, name)]


def with_example(page: str, name: str, comment: str) -> str:
    """Return a page that shows a comment instead of the one that it has."""
    place = _place(page, name)
    return f"{page[: place.start]}{comment}{page[place.stop :]}"


def _place(page: str, name: str) -> slice:
    found = re.search(rf"<!-- {name}: begin -->\n````markdown\n(.*?)````\n<!-- {name}: end -->", page, re.DOTALL)
    assert found is not None, f"docs/preview.md shows no {name}"
    return slice(*found.span(1))


def kept(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return of what `pulumi preview --json` printed all that a review reads."""
    steps = [_step(one) for one in document.get("steps") or ()]
    wanted = {key: document[key] for key in ("config", "diagnostics", "changeSummary") if key in document}
    return {**wanted, "steps": sorted(steps, key=lambda one: str(one["urn"]))}


def _step(step: Mapping[str, Any]) -> dict[str, Any]:
    found = {key: _state(value) for key, value in step.items() if key != "provider"}
    if step["op"] == "same":
        found["oldState"] = {key: value for key, value in step["oldState"].items() if key in _OF_SAME}
    return found


def _state(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _state(item) for key, item in value.items() if key not in _LEFT_OUT}
    return [_state(item) for item in value] if isinstance(value, list) else value
