"""Makes sets in processes that are killed at a given moment. It runs in the toolbox, where PostgreSQL's tools are.

A process is a fork of one that has imported everything, so that every moment of it is one of a set that is being made.
"""

import os
import select
import signal
import sys
import time
import traceback
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing.connection import Listener
from typing import Any

from backup.actions import act
from backup.engines import load as part_of
from init.engines import load as driver_of

_ENGINES = ("duckdb", "redis", "postgres")
_SECONDS = 60


@dataclass(frozen=True, kw_only=True)
class Order:
    """A job's request. Its process is killed so many seconds after the line of its log that begins so; not at all without them."""

    request: Mapping[str, Any]
    after: str = ""
    seconds: float | None = None


@dataclass(kw_only=True)
class Run:
    """What became of an order: the exit code (-9: killed), the seconds it took, and the seconds to each line of its log."""

    code: int = 0
    seconds: float = 0.0
    lines: dict[str, float] = field(default_factory=dict)


def main(port: int) -> None:
    """Take the orders of one who connects, and tell what became of each."""
    import pyrage
    import zstandard

    del pyrage, zstandard
    for name in _ENGINES:
        part_of(name)
        driver_of(name)
    with Listener(("0.0.0.0", port)) as listener, listener.accept() as host, suppress(EOFError):
        while True:
            host.send(_run(host.recv()))


def _run(order: Order) -> Run:
    read, write = os.pipe()
    began = time.monotonic()
    process = os.fork()
    if not process:
        _work(order, write)
    os.close(write)
    # Its tools are in its group, and end with it, as all that is in a container does.
    with suppress(PermissionError, ProcessLookupError):
        os.setpgid(process, process)
    run = Run()
    with os.fdopen(read, "rb", buffering=0) as log:
        if not _ended(log.fileno(), order, began, run):
            os.killpg(process, signal.SIGKILL)
    _, status = os.waitpid(process, 0)
    run.code, run.seconds = os.waitstatus_to_exitcode(status), time.monotonic() - began
    return run


def _work(order: Order, log: int) -> None:
    """Do it in this process, and end it."""
    os.setpgid(0, 0)
    os.dup2(log, 2)
    os.close(log)
    code = 1
    try:
        act(order.request)
        code = 0
    except BaseException:  # noqa: BLE001 - whatever it is, this process ends here
        traceback.print_exc()
    sys.stderr.flush()
    os._exit(code)


def _ended(log: int, order: Order, began: float, run: Run) -> bool:
    """Read the log until the moment of the kill; return whether the process has ended before."""
    ends, rest = began + _SECONDS, b""
    if order.seconds is not None and not order.after:
        ends = began + order.seconds
    while (left := ends - time.monotonic()) > 0:
        if not select.select([log], [], [], left)[0]:
            return False
        data = os.read(log, 1 << 16)
        if not data:
            return True
        now = time.monotonic()
        *lines, rest = (rest + data).split(b"\n")
        for line in lines:
            run.lines[line.decode()] = now - began
            if order.seconds is not None and order.after and line.startswith(order.after.encode()):
                ends = now + order.seconds
    return False
