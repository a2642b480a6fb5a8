"""Saying what is done and why; running long commands with progress; failing with the command, its last lines and the fix."""

import os
import subprocess
import sys
import time
from collections import deque
from collections.abc import Mapping, Sequence
from pathlib import Path
from threading import Thread

_LAST_LINES = 20
# Without a terminal, one line of progress this often.
_QUIET_SECONDS = 15.0


class StepError(RuntimeError):
    """A step failed; the message is complete and ends with the fix."""


def say(step: str, text: str) -> None:
    """Print one line about a step."""
    print(f"{step:<18} {text}", flush=True)


def run(
    step: str,
    command: Sequence[str],
    *,
    why: str,
    fix: str,
    environment: Mapping[str, str] | None = None,
    directory: Path | None = None,
) -> None:
    """Run a command that may take long, showing its last line and the seconds; StepError if it fails."""
    say(step, why)
    started, tail = time.monotonic(), deque[str](maxlen=_LAST_LINES)
    process = subprocess.Popen(
        list(command),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL,
        text=True,
        errors="replace",
        env={**os.environ, **(environment or {})},
        cwd=directory,
    )
    assert process.stdout is not None
    stdout = process.stdout
    reader = Thread(target=lambda: tail.extend(line.rstrip() for line in stdout if line.strip()), daemon=True)
    reader.start()
    _watch(step, process, tail, started)
    reader.join(timeout=5)
    if process.returncode != 0:
        shown = "\n".join(f"    {line}" for line in tail)
        raise StepError(
            f"{step}: `{' '.join(command)}` ended with code {process.returncode}. Its last lines:\n{shown}\nFix: {fix}"
        )
    seconds = time.monotonic() - started
    if seconds > 2:
        say(step, f"done in {seconds:.0f} s")


def _watch(step: str, process: "subprocess.Popen[str]", tail: deque[str], started: float) -> None:
    """Show progress until the process ends."""
    terminal, shown = sys.stdout.isatty(), started
    while True:
        try:
            process.wait(timeout=0.2)
            break
        except subprocess.TimeoutExpired:
            now = time.monotonic()
            if now - shown < (1.0 if terminal else _QUIET_SECONDS):
                continue
            shown = now
            line = f"{step:<18} … {now - started:.0f} s  {tail[-1][:90] if tail else ''}"
            print(f"\r\033[K{line}" if terminal else line, end="" if terminal else "\n", flush=True)
    if terminal and shown != started:
        print("\r\033[K", end="", flush=True)
