"""Every property that the program sets is one that the plugin knows: it comes back in what the plugin says it made.

A bridged plugin drops what it does not know without a word. What it returns is built from its own schema, so a property
that was dropped is in a resource's inputs and not in its outputs.
"""

import json
from typing import Any

import pytest

from tests.e2e.live import LiveStack

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]
KINDS = {"Container", "Network", "RemoteImage", "Volume", "RandomBytes", "RandomPassword"}
# How Pulumi marks a secret: https://www.pulumi.com/docs/iac/concepts/secrets/
_SIGNATURE = "4dabf18193072939515e22adb298388d"


def opened(value: object) -> object:
    """Return what a secret of an export with `--show-secrets` holds; anything else as it is."""
    return json.loads(value["plaintext"]) if isinstance(value, dict) and _SIGNATURE in value else value


def dropped(given: object, returned: object, path: str = "") -> list[str]:
    """Return the paths of what was given and did not come back; the plugin's own marks are left out."""
    given, returned = opened(given), opened(returned)
    if isinstance(given, list) and isinstance(returned, list):
        if len(given) > len(returned):
            return [path]
        # Sets come back in an order of their own: each given entry must have one that holds all its properties.
        return [
            f"{path}[{index}]"
            for index, item in enumerate(given)
            if not any(dropped(item, other) == [] for other in returned)
        ]
    if isinstance(given, dict) and isinstance(returned, dict):
        missing = [f"{path}.{key}" for key in given if not key.startswith("__") and key not in returned]
        shared = [key for key in given if not key.startswith("__") and key in returned]
        return missing + [found for key in shared for found in dropped(given[key], returned[key], f"{path}.{key}")]
    return [] if given == returned else [path]


def test_nothing_that_is_set_is_dropped(stack: LiveStack) -> None:
    document: dict[str, Any] = json.loads(stack.pulumi("stack", "export", "--show-secrets").stdout)
    resources = [
        one
        for one in document["deployment"]["resources"]
        if one["type"].split(":")[0] in ("docker", "random") and one.get("custom")
    ]
    assert {one["type"].rpartition(":")[2] for one in resources} == KINDS
    assert {one["urn"]: dropped(one["inputs"], one["outputs"]) for one in resources} == {
        one["urn"]: [] for one in resources
    }


def test_what_is_dropped_would_be_found() -> None:
    given = {"image": "one", "imagge": "two", "ports": [{"internal": 1, "externall": 2}], "limit": 3, "__defaults": []}
    assert dropped(given, {"image": "one", "ports": [{"internal": 1}], "limit": 4}) == [
        ".imagge",
        ".ports[0]",
        ".limit",
    ]
    labels = {_SIGNATURE: "secret", "plaintext": '[{"label": "one", "value": "two"}]'}
    assert dropped({"labels": labels}, {"labels": [{"label": "one", "value": "two", "more": 1}]}) == []
    assert dropped({"labels": labels}, {"labels": [{"label": "one"}]}) == [".labels[0]"]
