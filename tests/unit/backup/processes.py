"""Programs that stand where a run of the service stands: each says something, and ends in its own way."""

import sys
from pathlib import Path

_GOOD = 'print(json.dumps({"state": "good", "set": "20260101T020000.048213Z-abcd", "removed": ["old"]}))'
PROGRAMS = {
    "good": _GOOD,
    "incomplete": 'print(json.dumps({"state": "incomplete", "set": "s", "reasons": {"redis": "redis: not reachable"}}))',
    "crash": "os._exit(3)",
    "killed": "os.kill(os.getpid(), signal.SIGKILL)",
    # It says where it stands, and then works for long; asked to end, it ends in order.
    "slow": 'print(json.dumps({"progress": "redis: 1 of 9 MB"}), flush=True); signal.signal(signal.SIGTERM, end); time.sleep(60)',
    # It ignores being asked, and so does the tool that it has started.
    "stubborn": (
        "signal.signal(signal.SIGTERM, signal.SIG_IGN); tool = subprocess.Popen(['sleep', '61']);"
        "print(json.dumps({'progress': str(tool.pid)}), flush=True); time.sleep(60)"
    ),
}
_HEAD = """\
import json, os, signal, subprocess, sys, time
def end(*_):
    print(json.dumps({"state": "aborted"}), flush=True)
    sys.exit(0)
open(sys.argv[1], "a").write(sys.argv[2] + "\\n")
"""


def command(name: str, directory: Path) -> list[str]:
    """Return the command of a program; each of its runs writes its trigger into `runs` of the directory."""
    file = directory / f"{name}.py"
    file.write_text(f"{_HEAD}{PROGRAMS[name]}\n", encoding="utf-8")
    return [sys.executable, str(file), str(directory / "runs")]


def runs(directory: Path) -> list[str]:
    """Return the triggers of all runs, in their order."""
    file = directory / "runs"
    return file.read_text(encoding="utf-8").split() if file.exists() else []
