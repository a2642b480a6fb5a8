"""A step of a restore in a process that ends itself, as a kill does, before a given request to the server."""

import multiprocessing
import os
import signal
from collections.abc import Callable
from typing import Any

_SECONDS = 100


def killed(work: Callable[[], object], of: type, method: str, request: int) -> bool:
    """Do some work in a fork, which ends before that call (counted from 0) of a client's method; False if it was done before."""
    process = multiprocessing.get_context("fork").Process(target=_until, args=(work, of, method, request), daemon=True)
    process.start()
    process.join(_SECONDS)
    assert process.exitcode in (0, -signal.SIGKILL), f"exit code {process.exitcode}"
    return process.exitcode != 0


def _until(work: Callable[[], object], of: type, method: str, request: int) -> None:
    original = getattr(of, method)
    left = request

    def counted(*arguments: Any, **options: Any) -> Any:
        nonlocal left
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        left -= 1
        return original(*arguments, **options)

    setattr(of, method, counted)
    work()
