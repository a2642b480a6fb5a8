"""The watchdog against real processes: what dies or hangs is started again, and told why."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

_SUPERVISOR = """
import sys
from monitor.watchdog import Watchdog
Watchdog([sys.executable, "-c", sys.argv[1], sys.argv[2]], silence=0.5, begin=5).run()
"""
# Writes what it is told into a file, beats for a moment, then does as the file's name says.
_WORKER = """
import os, signal, sys, time
file, beats, reason = sys.argv[1], int(sys.argv[2]), sys.argv[3]
with open(file, "a") as told:
    told.write(f"{os.getpid()} {reason}\\n")
signal.signal(signal.SIGTERM, lambda *_: (open(file, "a").write("ended\\n"), os._exit(0)))
while True:
    os.write(beats, b".")
    time.sleep(0.05)
"""


def started(file: Path) -> "subprocess.Popen[bytes]":
    return subprocess.Popen([sys.executable, "-c", _SUPERVISOR, _WORKER, str(file)])


def lines(file: Path, count: int, *, within: float = 15) -> list[str]:
    deadline = time.monotonic() + within
    while time.monotonic() < deadline:
        found = file.read_text().splitlines() if file.exists() else []
        if len(found) >= count:
            return found
        time.sleep(0.05)
    raise AssertionError(f"{count} lines were not there within {within} s")


def worker(line: str) -> int:
    return int(line.split()[0])


def test_a_worker_that_dies_or_hangs_is_replaced_and_told_why(tmp_path: Path) -> None:
    file = tmp_path / "told"
    watchdog = started(file)
    try:
        os.kill(worker(lines(file, 1)[0]), signal.SIGKILL)
        second = lines(file, 2)[1]
        assert second.endswith("ended with code -9")
        os.kill(worker(second), signal.SIGSTOP)
        assert "hung: it gave no sign of life" in lines(file, 3)[2]
    finally:
        watchdog.terminate()
        assert watchdog.wait(15) == 0
    assert lines(file, 4)[3] == "ended"
    assert watchdog.returncode == 0


def test_a_worker_that_will_not_end_is_ended(tmp_path: Path) -> None:
    file = tmp_path / "told"
    watchdog = started(file)
    pid = worker(lines(file, 1)[0])
    os.kill(pid, signal.SIGSTOP)
    watchdog.terminate()
    assert watchdog.wait(20) == 0
    assert not Path(f"/proc/{pid}").exists()
