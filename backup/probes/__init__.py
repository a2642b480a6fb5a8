"""Whether what was restored can be used: a vector search with its recall, a full-text search, every table read.

Each engine's module has `probe(connection, progress)`, which returns what it has seen, for people, and raises `ProbeFailed`.
"""

import importlib
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from init.engines.base import required
from init.protocol import Failure

NAMES = ("postgres", "duckdb", "redis", "elasticsearch", "milvus", "minio")
Tell = Callable[[str], None]
_FIX = "verify the set with ./karen backup verify --deep, and restore another one"


def probe(connections: Mapping[str, Mapping[str, Any]], names: Sequence[str], progress: Tell) -> dict[str, str]:
    """Probe these engines and return what each answered (`recall 1.00 over 2 collections`); Failure says what is wrong.

    BadRequest names an engine that is unknown or has no connection; ProbeFailed what cannot be read or found.
    """
    if unknown := [name for name in names if name not in NAMES or name not in connections]:
        allowed = ", ".join(name for name in NAMES if name in connections)
        raise Failure("BadRequest", f"names has {', '.join(unknown)}; allowed: {allowed}", "name engines of the stack")
    answers = {}
    for name in names:
        progress(f"{name}: is probed")
        module = importlib.import_module(f"backup.probes.{name}")
        answers[name] = str(module.probe(connections[name], progress))
        progress(f"{name}: {answers[name]}")
    return answers


def probe_step(request: Mapping[str, Any]) -> dict[str, Any]:
    """The step `probe` of a job: `engines` are the connections, `names` the engines that are probed."""
    names = required(request, "names", list)
    return {"probes": probe(required(request, "engines", dict), names, _tell)}


def failed(engine: str, reason: str) -> Failure:
    """Return the failure of an engine that does not answer as it has to."""
    return Failure("ProbeFailed", f"{engine}: {reason}", _FIX)


def _tell(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
