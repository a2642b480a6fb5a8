"""Code in a process of its own: to be killed, to be measured, or to have a disk that is full."""

import os
import subprocess
import sys
from pathlib import Path

_ROOT = Path(__file__).parents[3]
_ENVIRONMENT = {**os.environ, "PYTHONPATH": str(_ROOT)}


def run(code: str, *arguments: str, **environment: str) -> str:
    """Run it to its end; return what it printed."""
    command = [sys.executable, "-c", code, *arguments]
    done = subprocess.run(
        command,
        check=False,
        env={**_ENVIRONMENT, **environment},
        cwd=_ROOT,
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def kill_when_told(code: str, *arguments: str, **environment: str) -> None:
    """Run it, and kill it as soon as it has printed a line."""
    command = [sys.executable, "-c", code, *arguments]
    with subprocess.Popen(command, env={**_ENVIRONMENT, **environment}, cwd=_ROOT, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline()
        process.kill()


def on_small_disk(code: str, directory: Path, size: str) -> str:
    """Run it where `directory`, its first argument, is a file system of that size; return what it printed."""
    namespace = ["unshare", "-m"] if os.geteuid() == 0 else ["unshare", "-rm"]
    mounted = 'mount -t tmpfs -o size="$1" none "$2" && exec "$3" -c "$4" "$2"'
    command = [*namespace, "sh", "-c", mounted, "sh", size, str(directory), sys.executable, code]
    done = subprocess.run(
        command, check=False, env=_ENVIRONMENT, cwd=_ROOT, capture_output=True, text=True, timeout=100
    )
    assert done.returncode == 0, done.stderr
    return done.stdout
