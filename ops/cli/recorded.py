"""What Pulumi has recorded of a stack's migrations."""

import json
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from bootstrap import state
from ops.cli.errors import NotAsked

_TYPE = "pulumi-python:dynamic/karen:"
_STACK = "pulumi:pulumi:Stack"
# How Pulumi marks a secret in its state, where it is encrypted unless asked for in plain text.
_SECRET = "4dabf18193072939515e22adb298388d"  # noqa: S105 - a key's name
_ATTEMPTS, _PAUSE_SECONDS = 20, 0.05


@dataclass(frozen=True)
class Record:
    """One engine's initialization as its last run was recorded; `verified` if the verification came after that run."""

    engine: str
    urn: str
    properties: Mapping[str, Any]
    verified: bool = True

    @property
    def target(self) -> str:
        """Return the version at which the run stopped, empty for the latest."""
        return str(self.properties.get("target") or "")

    @property
    def migrations(self) -> dict[str, str]:
        """Return name and checksum of what was applied then."""
        return dict(self.properties.get("migrations") or {})

    @property
    def version(self) -> str:
        """Return the schema's version then."""
        return str(self.properties.get("schema_version") or "")


@dataclass(frozen=True)
class Recorded:
    """Every engine's record, the verification's name, the version that each server told the last one, and whether anything
    is protected, as production's data are.
    """

    stack: str
    records: Mapping[str, Record]
    verification: str | None
    server_versions: Mapping[str, str] = field(default_factory=dict)
    protected: bool = False

    @classmethod
    def read(cls, stack: str) -> "Recorded":
        """Return what is on disk, where secrets are encrypted; NotAsked if the stack is not up."""
        return cls.parse(stack, on_disk(stack))

    @classmethod
    def parse(cls, stack: str, state: Mapping[str, Any]) -> "Recorded":
        """Return the records of a state; NotAsked if it has none."""
        resources = list(state.get("resources") or ())
        verification = next(_of_type(resources, f"{_TYPE}Verification"), None)
        told = (verification or {}).get("outputs") or {}
        root = next(_of_type(resources, _STACK), {})
        exported = ((root.get("outputs") or {}).get("schema_versions")) or {}
        records = {}
        for one in _of_type(resources, f"{_TYPE}Initialization"):
            found = revealed(one.get("outputs") or {})
            engine, version = str(found["service"]), found.get("schema_version")
            verified = (
                (told.get("runs") or {}).get(engine) == found.get("run")
                and (told.get("expected") or {}).get(engine) == version
                and exported.get(engine) == version
            )
            records[engine] = Record(engine, str(one["urn"]), found, verified)
        if not records:
            raise NotAsked(f"The stack {stack} is not up. Fix: make up STACK={stack}")
        versions = {engine: str(one["server_version"]) for engine, one in (told.get("report") or {}).items()}
        protected = any(one.get("protect") for one in resources)
        return cls(stack, records, str(verification["urn"]) if verification else None, versions, protected)


def on_disk(stack: str) -> Mapping[str, Any]:
    """Return what Pulumi's state has of a stack, {} before it was made; NotAsked if it cannot be read."""
    path = state.stack_file(stack)
    for attempt in range(_ATTEMPTS):
        try:
            return state.recorded(stack)
        except OSError as error:
            fix = f"Fix: sudo chown -R $USER {path.parent}"
            raise NotAsked(f"Pulumi's state of {stack} cannot be read: {error.strerror}. {fix}") from None
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            # Read while an update wrote it.
            if attempt == _ATTEMPTS - 1:
                fix = f"Fix: restore {path} from {path.name}.bak beside it, or from a backup"
                raise NotAsked(f"Pulumi's state of {stack} is not what Pulumi writes: {error}. {fix}") from None
            time.sleep(_PAUSE_SECONDS)
    raise AssertionError


def resources(stack: str) -> Sequence[Mapping[str, Any]]:
    """Return the recorded resources; NotAsked if the state cannot be read."""
    return on_disk(stack).get("resources") or ()


def revealed(value: Any) -> Any:
    """Return a value of the state with its secrets in plain text, as far as the state has them so."""
    if isinstance(value, dict):
        if _SECRET in value:
            return revealed(json.loads(value["plaintext"])) if "plaintext" in value else None
        return {key: revealed(item) for key, item in value.items()}
    if isinstance(value, list):
        return [revealed(item) for item in value]
    return value


def _of_type(resources: Iterable[Mapping[str, Any]], kind: str) -> Iterator[Mapping[str, Any]]:
    return (one for one in resources if one["type"] == kind and not one.get("delete"))
