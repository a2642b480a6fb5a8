"""Loading a file into a running stack: a job in its network takes the data over standard input, whatever its size."""

import sys
from collections.abc import Iterator
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TaskProgressColumn,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

from init.loads import source
from init.protocol import PROTOCOL, Failure
from init.resources.job import Job, JobError, JobSpec
from ops.pulumi import PulumiError, outputs

# As long as a very large file may take. A job whose starter is gone ends by itself.
_DEADLINE_SECONDS = 24 * 3600.0
_COORDINATING = "postgres"


def load_file(
    stack: str, engine: str, target: str, path: Path, *, console: Console | None = None, quiet: bool = False
) -> dict[str, Any]:
    """Load a file into a table, index, alias or collection; return `added`, for Elasticsearch `replaced`, and `seconds`.

    Failure says that the file is none that the engine takes, or that the stack has no such engine; JobError what is wrong
    with the data in it; PulumiError that the stack is not up. `quiet` shows no progress.
    """
    data = source.read(engine, path)
    job = _verification(stack)
    if engine not in job["engines"]:
        raise Failure("BadRequest", f"The stack {stack} has no {engine}", f"enable it, and make up STACK={stack}")
    spec = JobSpec(
        stack=job["stack"],
        name=engine,
        image=job["image"],
        user=job["user"],
        network=job["network"],
        volumes=job["volumes"],
        deadline_seconds=_DEADLINE_SECONDS,
        exclusive=False,
    )
    request = {
        "protocol": PROTOCOL,
        "action": "load",
        "engine": engine,
        "target": target,
        "connection": job["engines"][engine],
        "coordination": job["engines"].get(_COORDINATING),
    }
    with _progress(console, quiet=quiet) as progress:
        bar = progress.add_task(f"{path.name} → {engine} {target}", total=data.size)

        def pieces() -> Iterator[bytes]:
            for piece in data.pieces:
                yield piece
                # Whoever asks for the next piece has sent this one.
                progress.advance(bar, len(piece))

        # Its log is progress.
        with redirect_stdout(sys.stderr), Job(spec) as running:
            try:
                return running.run(request, pieces())
            except Failure as failure:
                raise JobError(f"{failure.message}. Fix: {failure.fix}") from None


def _verification(stack: str) -> dict[str, Any]:
    """Return how the stack's engines are reached."""
    found = outputs(stack)
    if "operations" not in found:
        raise PulumiError(f"The stack {stack} is not up. Fix: make up STACK={stack}")
    job: dict[str, Any] = found["operations"]["verification"]
    return job


def _progress(console: Console | None, *, quiet: bool) -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
        console=console or Console(stderr=True),
        disable=quiet,
    )
