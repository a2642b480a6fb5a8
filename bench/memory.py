"""Memory of the development stack at rest against the same images on their defaults."""

import json
import tempfile
import time
from pathlib import Path

import docker

from bench import compose
from bench.live import BenchStack
from bench.measure import Ratio

_REST_SECONDS = 20
_MEBIBYTE = 1024 * 1024


def run(stack: BenchStack) -> Ratio:
    """Measure working sets (usage less inactive file cache), ours and then the same images without our settings."""
    time.sleep(_REST_SECONDS)
    ours = _working_set(f"com.ai-karen.stack={stack.name}")
    with tempfile.TemporaryDirectory(prefix="karen-bench-") as directory:
        file = Path(directory) / "compose.json"
        compose.write(file, stack.name)
        document = json.loads(file.read_text())
        for service in document["services"].values():
            service.pop("mem_limit")
            service.pop("cpus")
            service["environment"] = [one for one in service["environment"] if not one.startswith("ES_JAVA_OPTS=")]
        document["services"]["postgres"]["command"] = ["postgres"]
        file.write_text(json.dumps(document))
        try:
            compose.up(file)
            time.sleep(_REST_SECONDS)
            theirs = _working_set("com.docker.compose.project=ai-karen-bench")
        finally:
            compose.down(file)
    detail = f"{ours / _MEBIBYTE:.0f} / {theirs / _MEBIBYTE:.0f} MiB"
    return Ratio(name="idle memory / same images on defaults", value=ours / theirs, goal=0.8, detail=detail)


def _working_set(label: str) -> int:
    client = docker.from_env()
    try:
        total = 0
        for one in client.api.containers(filters={"label": label}):
            memory = client.api.stats(one["Id"], stream=False)["memory_stats"]
            details = memory["stats"]
            total += memory["usage"] - details.get("total_inactive_file", details.get("inactive_file", 0))
        return total
    finally:
        client.close()
