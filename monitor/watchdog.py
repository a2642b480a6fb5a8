"""The monitor's watchdog: process 1 of its container. It starts the worker, and starts it again when it ends or stops beating.

It imports nothing that could hang or grow. What made it start the worker again is told to the new one, which says so.
"""

import os
import select
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from types import FrameType

# A worker beats at least every few seconds; importing every client takes it longer than that once.
SILENCE_SECONDS = 20.0
_BEGIN_SECONDS = 120.0
_FIRST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS = 1.0, 30.0
# Who worked for so long has not failed as it started.
_WELL_SECONDS = 60.0
_END_SECONDS = 10.0


class Watchdog:
    """Keeps one worker alive until it is told to end."""

    def __init__(self, command: list[str], *, silence: float = SILENCE_SECONDS, begin: float = _BEGIN_SECONDS) -> None:
        """`command` is the worker's; it gets the descriptor to beat on, and why it was started again, as two more arguments."""
        self._command = command
        self._silence = silence
        self._begin = begin
        self._ended = threading.Event()
        self._worker: subprocess.Popen[bytes] | None = None

    def run(self) -> None:
        """Start workers until a signal ends this one."""
        signal.signal(signal.SIGTERM, self._end)
        signal.signal(signal.SIGINT, self._end)
        reason, pause = "", _FIRST_PAUSE_SECONDS
        while not self._ended.is_set():
            began = time.monotonic()
            reason = self._watch(reason)
            if self._ended.is_set():
                return
            pause = _FIRST_PAUSE_SECONDS if time.monotonic() - began > _WELL_SECONDS else pause
            print(f"watchdog: the monitor {reason}; it is started again in {pause:.0f} s", file=sys.stderr, flush=True)
            self._ended.wait(pause)
            pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)

    def _watch(self, reason: str) -> str:
        """Start a worker and return what became of it."""
        beats, ours = os.pipe()
        try:
            self._worker = subprocess.Popen([*self._command, str(ours), reason], pass_fds=[ours])
        finally:
            os.close(ours)
        patience = self._begin
        try:
            while True:
                ready, _, _ = select.select([beats], [], [], patience)
                if not ready:
                    self._worker.kill()
                    self._worker.wait()
                    return f"hung: it gave no sign of life for {patience:.0f} s"
                if not os.read(beats, 4096):
                    return f"ended with code {self._worker.wait()}"
                patience = self._silence
        finally:
            os.close(beats)

    def _end(self, number: int, frame: FrameType | None) -> None:
        """Have the worker end in order; what takes too long is ended."""
        self._ended.set()
        if self._worker is not None:
            self._worker.terminate()
            signal.signal(signal.SIGALRM, lambda *_: self._kill())
            signal.setitimer(signal.ITIMER_REAL, _END_SECONDS)

    def _kill(self) -> None:
        if self._worker is not None:
            with suppress(ProcessLookupError):
                self._worker.kill()
