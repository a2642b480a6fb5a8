"""One small stack for all tests of rotations: PostgreSQL, Redis and DuckDB."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from bootstrap import places
from tests.e2e.live import PORTS_BESIDE, SERVICES_OFF, SMALL, LiveStack


@pytest.fixture(scope="package")
def live() -> Iterator[LiveStack]:
    stack = LiveStack("test-rotate", {**PORTS_BESIDE, **SMALL, **SERVICES_OFF, "imageSource": "build"})
    stack.create()
    try:
        stack.up()
        yield stack
    finally:
        stack.erase()


@pytest.fixture
def file(live: LiveStack, tmp_path: Path) -> Path:
    """The file that an application reads its variables from."""
    command = [sys.executable, "-m", "ops.environment_file", "--stack", live.name, "--file", str(tmp_path / ".env")]
    made = subprocess.run(command, cwd=places.CHECKOUT, capture_output=True, text=True, check=False)
    assert made.returncode == 0, made.stdout + made.stderr
    return tmp_path / ".env"
