"""Bootstrap data: what the seed files hold, and one checksum over them, so that a new record is added by the next update.

What is there already stays as it is: an application may have changed it.
"""

import hashlib
import json
from pathlib import Path
from typing import Any


def load_seeds(directory: Path) -> dict[str, list[dict[str, Any]]]:
    """Return each seed file's records by its name: `*.jsonl` is one record a line, `*.json` a list."""
    seeds = {}
    for path in sorted(directory.iterdir()):
        text = path.read_text(encoding="utf-8")
        if path.suffix == ".jsonl":
            seeds[path.stem] = [json.loads(line) for line in text.splitlines() if line.strip()]
        elif path.suffix == ".json":
            seeds[path.stem] = json.loads(text)
    return seeds


def seeds_checksum(directory: Path) -> str:
    """Return the SHA-256 over the seeds' records."""
    return hashlib.sha256(json.dumps(load_seeds(directory), sort_keys=True).encode()).hexdigest()
