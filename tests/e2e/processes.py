"""The processes of a running update, as the kernel lists them."""

import os
import signal
from contextlib import suppress
from pathlib import Path


def descendants(pid: int) -> dict[int, str]:
    """Return the command line of every process below one, by process id."""
    found: dict[int, str] = {}
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        with suppress(OSError):
            for child in map(int, task.read_text().split()):
                with suppress(OSError):
                    found[child] = Path(f"/proc/{child}/cmdline").read_bytes().replace(b"\0", b" ").decode()
                    found |= descendants(child)
    return found


def kill(pids: list[int]) -> None:
    """Kill processes as the kernel does when memory runs out."""
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
