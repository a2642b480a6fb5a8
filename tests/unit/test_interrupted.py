"""Whether the process that holds a lock still runs."""

import os
import shutil
import subprocess
import time
from pathlib import Path

import pytest

from bootstrap.interrupted import is_running


@pytest.fixture
def pulumi(tmp_path: Path) -> "subprocess.Popen[bytes]":
    """A process of Pulumi's name, which does nothing."""
    program = shutil.copy(shutil.which("sleep") or "", tmp_path / "pulumi")
    return subprocess.Popen([program, "60"])


def test_a_process_runs_until_it_is_killed_even_if_nobody_waits_for_it(pulumi: "subprocess.Popen[bytes]") -> None:
    try:
        assert is_running(pulumi.pid)
        pulumi.kill()
        deadline = time.monotonic() + 10
        while is_running(pulumi.pid):
            assert time.monotonic() < deadline
            time.sleep(0.01)
        assert Path(f"/proc/{pulumi.pid}").exists(), "it was waited for: the test shows nothing"
    finally:
        pulumi.kill()
        pulumi.wait()
    assert not is_running(pulumi.pid)


def test_a_number_that_another_program_has_now_is_no_pulumi() -> None:
    assert not is_running(os.getpid())
