"""A program or provider ends with the process that started it."""

import os
import signal
import subprocess
import sys
import time

from bootstrap import places

CHILD = "import time; from init.resources.lifetime import end_with_parent; end_with_parent(); print('ready', flush=True); time.sleep(60)"
PARENT = "import subprocess, sys; subprocess.run([sys.executable, '-c', sys.argv[1]])"


def test_a_process_ends_soon_after_its_parent_was_killed() -> None:
    """What it holds open is closed then: reading its output to the end returns."""
    parent = subprocess.Popen([sys.executable, "-c", PARENT, CHILD], cwd=places.CHECKOUT, stdout=subprocess.PIPE)
    assert parent.stdout is not None
    assert parent.stdout.readline() == b"ready\n"
    os.kill(parent.pid, signal.SIGKILL)
    started = time.monotonic()
    assert parent.stdout.read() == b""
    assert time.monotonic() - started < 30
    parent.wait()
