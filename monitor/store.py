"""The monitor's own state, on the operations volume: files that are replaced at once or not at all."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

STATE, SAMPLE = "state.json", "sample.json"
DIRECTORY = "monitor"


def write(directory: Path, name: str, document: Mapping[str, Any]) -> None:
    """Replace a document."""
    directory.mkdir(parents=True, exist_ok=True)
    temporary = directory / f".{name}"
    temporary.write_text(json.dumps(document), encoding="utf-8")
    os.replace(temporary, directory / name)


def read(directory: Path, name: str) -> dict[str, Any]:
    """Return a document; {} where there is none that can be read."""
    try:
        document = json.loads((directory / name).read_bytes())
    except (OSError, ValueError):
        return {}
    return document if isinstance(document, dict) else {}
