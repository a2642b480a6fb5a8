"""A migration run, or a wipe, as a process, which a test stops or kills at a point of its choice.

It reads jobs as lines of JSON from its input, and writes one event a line. Its points are numbered from 1: before each
`guard`, which is before each step that writes, and after each statement; of a wipe also before each line that does it.
"""

import json
import os
import signal
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any, Literal

from init.migrations import load
from init.protocol import Failure
from init.runner.down import down
from init.runner.run import Run
from init.runner.up import up


@dataclass
class Job:
    """One run, and where it does what: `kill` ends the process, `pause` waits for a line, `tell` only writes an event."""

    engine: str
    connection: Mapping[str, Any]
    coordination: Mapping[str, Any]
    directory: str
    lock_seconds: float = 60.0
    # Down to this version; None is all the way up.
    to: str | None = None
    wipe: bool = False
    at: int | str = 0
    # The how manieth of the points that begin so.
    nth: int = 1
    do: Literal["kill", "pause", "tell"] = "kill"
    # In a child, so that this process can do the next job when that one was killed.
    fork: bool = False
    points: list[str] = field(default_factory=list)
    seen: int = 0

    def reach(self, point: str) -> None:
        """Pass a point; `at` is its number, or how it begins."""
        self.points.append(point)
        here = point.startswith(self.at) if isinstance(self.at, str) else len(self.points) == self.at
        self.seen += here
        if not here or self.seen != self.nth:
            return
        if self.do == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        tell("reached", point=point)
        if self.do == "pause":
            sys.stdin.readline()


class Watched(Run):
    """A run whose every guard is a point."""

    job: Job

    def guard(self) -> None:
        """Pass a point, and then what every run passes."""
        self.job.reach("guard")
        super().guard()


class Statements:
    """A connection whose every statement has a point before and after it."""

    def __init__(self, connection: Any, job: Job) -> None:
        self._connection = connection
        self._job = job

    def execute(self, statement: Any, *values: Any) -> Any:
        """Execute between two points."""
        text = " ".join(_text(statement).split())
        self._job.reach(f"before {text}")
        result = self._connection.execute(statement, *values)
        self._job.reach(f"after {text}")
        return result

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)


def main() -> None:
    """Do one job after the other until the input ends."""
    tell("ready")
    for line in iter(sys.stdin.readline, ""):
        job = Job(**json.loads(line))
        if not job.fork:
            _do(job)
        elif child := os.fork():
            tell("killed", signal=os.WTERMSIG(os.waitpid(child, 0)[1]))
        else:
            _do(job)
            os._exit(0)


def _do(job: Job) -> None:
    files, done, failure = load(Path(job.directory)), [], {}
    try:
        with Watched.connected(
            job.engine, job.connection, job.coordination, files, lock_seconds=job.lock_seconds
        ) as run:
            assert isinstance(run, Watched)
            run.job = job
            for name in ("connection", "_connection"):
                if hasattr(run.driver, name):
                    setattr(run.driver, name, Statements(getattr(run.driver, name), job))
            tell("connected", runner=run.runner)
            if job.wipe:
                _wipe(run, job)
            else:
                done = up(run) if job.to is None else down(run, job.to)
    except Failure as error:
        failure = {"kind": error.kind, "message": error.message}
    tell("ended", done=[entry.name for entry in done], points=job.points, **failure)


def _wipe(run: Run, job: Job) -> None:
    def trace(frame: FrameType, event: str, _: object) -> Any:
        name = Path(frame.f_code.co_filename).name
        if not name.endswith("_wipe.py") and name != "minio_buckets.py":
            return None
        if event == "line":
            job.reach(f"line {name}:{frame.f_lineno}")
        return trace

    sys.settrace(trace)
    try:
        run.driver.wipe()
    finally:
        sys.settrace(None)


def tell(event: str, **values: Any) -> None:
    """Write an event."""
    print(json.dumps({"event": event, **values}), flush=True)


def _text(statement: Any) -> str:
    if isinstance(statement, bytes):
        return statement.decode()
    return str(getattr(statement, "query", statement))


if __name__ == "__main__":
    main()
