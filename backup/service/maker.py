"""The process that makes a set, from the service's side: started, listened to, ended."""

import json
import os
import signal
import subprocess
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

from backup.service.status import Outcome, Running
from init.protocol import Failure

# What the container engine grants to a stop is a little more.
_END_SECONDS = 20.0


class Maker:
    """One run at a time."""

    def __init__(self, command: Sequence[str], *, end_seconds: float = _END_SECONDS) -> None:
        """`command` is the process's; it gets the trigger as one more argument."""
        self._command = list(command)
        self._end_seconds = end_seconds
        self._process: subprocess.Popen[str] | None = None
        self._reader: threading.Thread | None = None
        self._running: Running | None = None
        self._answer: dict[str, Any] = {}
        self._aborting = False

    @property
    def running(self) -> Running | None:
        """Return the run that goes on."""
        return self._running

    def start(self, trigger: str) -> None:
        """Begin a run; only one at a time."""
        assert self._running is None
        self._running, self._answer, self._aborting = Running(trigger=trigger, began=time.time()), {}, False
        # A group of its own, so that the tools that it has started end with it.
        self._process = subprocess.Popen(
            [*self._command, trigger],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self._reader = threading.Thread(target=self._read, args=(self._process,), name="maker", daemon=True)
        self._reader.start()

    def finished(self) -> Outcome | None:
        """Return what became of a run that has ended, once; None while there is none, or it goes on."""
        if self._running is None or self._process is None or self._process.poll() is None:
            return None
        assert self._reader is not None
        # What a tool has inherited may hold the pipe open: its group ends with the run.
        self._signal(signal.SIGKILL)
        self._reader.join()
        running, self._running = self._running, None
        answer = self._answer
        if "state" not in answer and self._aborting:
            answer = {"state": "aborted"}
        elif "state" not in answer:
            answer = {"state": "failed", "error": _unanswered(self._process.returncode).document()}
        return Outcome(
            trigger=running.trigger,
            began=running.began,
            ended=time.time(),
            state=answer["state"],
            set=answer.get("set", ""),
            reasons=answer.get("reasons", {}),
            error=answer.get("error"),
            removed=tuple(answer.get("removed", ())),
        )

    def abort(self) -> None:
        """End a run that goes on, in order if it can; nothing to do without one. `finished` tells of it."""
        if self._running is None or self._process is None:
            return
        self._aborting = True
        with suppress(ProcessLookupError):
            self._process.terminate()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(self._end_seconds)
        self._signal(signal.SIGKILL)
        self._process.wait()

    def _signal(self, number: int) -> None:
        assert self._process is not None
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, number)

    def _read(self, process: "subprocess.Popen[str]") -> None:
        assert process.stdout is not None
        with process.stdout as lines:
            for line in lines:
                try:
                    document = json.loads(line)
                except ValueError:
                    # It was cut off in the middle of it.
                    return
                if "progress" in document and self._running is not None:
                    self._running = replace(self._running, progress=document["progress"])
                else:
                    self._answer = document


def _unanswered(code: int) -> Failure:
    """Return what a run that has said nothing ended with."""
    if code == -signal.SIGKILL:
        message = "the process that makes sets was killed, most likely for memory; what it had not finished is no set"
        fix = "raise ai-karen-db:backupMemory, or make one now: ./karen backup create"
        return Failure("Killed", f"backups: {message}", fix)
    message = f"the process that makes sets ended with code {code} and without an answer"
    return Failure("Unexpected", f"backups: {message}", "read the log lines before")
