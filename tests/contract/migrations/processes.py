"""Runs in processes of their own: started, stopped at a point, killed."""

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import tests
from tests.contract.migrations.case import Case

_DEADLINE_SECONDS = 60.0
_ROOT = Path(tests.__file__).parent.parent
_RUNNER = (sys.executable, "-m", "tests.contract.migrations.runner")


class Process:
    """One process that writes lines: an event as JSON, or a line of its log."""

    def __init__(self, *command: str) -> None:
        self._process = subprocess.Popen(
            command, cwd=_ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        self.lines: list[str] = []

    def send(self, document: Mapping[str, Any] | None = None) -> None:
        """Hand a job over, or let a stopped one go on."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(document) + "\n")
        self._process.stdin.flush()

    def line(self, wanted: Callable[[str], bool]) -> str:
        """Return the next line that is wanted; AssertionError with all lines if the process ends before, or hangs."""
        assert self._process.stdout is not None
        watchdog = threading.Timer(_DEADLINE_SECONDS, self._process.kill)
        watchdog.start()
        try:
            for line in self._process.stdout:
                self.lines.append(line.rstrip())
                if wanted(line):
                    return line.rstrip()
        finally:
            watchdog.cancel()
        raise AssertionError(f"ended with {self._process.wait()}:\n" + "\n".join(self.lines))

    def event(self, name: str) -> dict[str, Any]:
        """Return the next event of that name."""
        found: dict[str, Any] = json.loads(self.line(lambda line: line.startswith(f'{{"event": "{name}"')))
        return found

    def kill(self) -> None:
        """End it with SIGKILL."""
        os.kill(self._process.pid, signal.SIGKILL)
        self.was_killed()

    def was_killed(self) -> None:
        """Wait for its end, which is that of a killed process."""
        with suppress(AssertionError):
            self.line(lambda _: False)
        assert self._process.wait() == -signal.SIGKILL, "\n".join(self.lines)

    def kills(self, document: Mapping[str, Any]) -> None:
        """Do a job in a child that is to be killed by itself."""
        self.send({**document, "fork": True})
        assert self.event("killed")["signal"] == signal.SIGKILL

    def close(self) -> None:
        """End it, whatever it does."""
        self._process.kill()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout):
            assert stream is not None
            with suppress(BrokenPipeError):
                stream.close()


class Processes:
    """The processes of one test."""

    def __init__(self) -> None:
        self._all: list[Process] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for process in self._all:
            process.close()

    def start(self, *command: str) -> Process:
        """Start a process: a runner, if no command is given."""
        process = Process(*(command or _RUNNER))
        self._all.append(process)
        return process

    def run(self, case: Case, directory: Path, **options: Any) -> Process:
        """Start a runner and hand it a job."""
        process = self.start()
        process.send(job(case, directory, **options))
        return process


def job(case: Case, directory: Path, **options: Any) -> dict[str, Any]:
    """Return a job for a runner; its options are those of `runner.Job`."""
    return {
        "engine": case.engine,
        "connection": case.connection,
        "coordination": case.coordination,
        "directory": str(directory),
        **options,
    }
