"""A reconciliation in a process of its own, killed before or after a step, or measured."""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import tests
from backup.reconcile import rounds
from backup.reconcile.documents import Documents
from backup.reconcile.model import Side
from backup.reconcile.vectors import Vectors

_ROOT = Path(tests.__file__).parent.parent
_DEADLINE_SECONDS = 600
SIDES: dict[str, type[Side]] = {"documents": Documents, "vectors": Vectors}


def run(
    connections: dict[str, Any], *, side: str = "", step: int = 0, after: bool = False
) -> tuple[int, dict[str, Any]]:
    """Reconcile; return the exit code, and what was answered if it was not killed.

    It is killed at the given number of the side's steps: before it, or after it.
    """
    request = json.dumps({"connections": connections, "side": side, "step": step, "after": after})
    done = subprocess.run(
        [sys.executable, "-m", "tests.contract.backup.reconciling"],
        cwd=_ROOT, input=request, capture_output=True, text=True, timeout=_DEADLINE_SECONDS, check=False,
    )  # fmt: skip
    assert done.returncode in (0, -signal.SIGKILL), done.stderr
    return done.returncode, json.loads(done.stdout) if done.stdout else {}


def _killing(mend: Callable[..., Any], step: int, *, after: bool) -> Callable[..., Any]:
    steps = 0

    def killed(*arguments: Any) -> Any:
        nonlocal steps
        steps += 1
        if steps == step and not after:
            os.kill(os.getpid(), signal.SIGKILL)
        result = mend(*arguments)
        if steps == step:
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    return killed


def _main() -> None:
    request = json.load(sys.stdin)
    if request["side"]:
        kind = SIDES[request["side"]]
        kind.mend = _killing(kind.mend, request["step"], after=request["after"])  # type: ignore[method-assign]
    answer = rounds.reconcile(request["connections"], dry_run=False, progress=lambda line: print(line, file=sys.stderr))
    # Of this program alone; what `getrusage` tells began with its parent's.
    [peak] = re.findall(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    print(json.dumps({"answer": answer, "peak_bytes": int(peak) * 1024}))


if __name__ == "__main__":
    _main()
