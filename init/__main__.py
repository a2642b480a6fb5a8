"""The toolbox's side of a job: `python -m init <engine>` imports that engine's client library while it waits for its
request on standard input, does the work, writes one reply to standard output, and logs lines to standard error.

Exit code 0 means that there is a reply, also an error reply; anything else is a crash.
"""

import importlib
import os
import sys
import threading
from contextlib import suppress
from typing import Any, BinaryIO

from init import protocol
from init.actions import handle, redact
from init.delegate import ENGINE, Delegate
from init.engines import NAMES, load
from init.protocol import Failure

# Jobs that ask every engine.
_ALL_ENGINES = ("verify", "inspect", "health")
# One that connects to all of them before it begins, and so does without a second process.
_WIPE = "wipe"
# One that loads the engines that it takes parts from itself.
_BACKUP = "backup"


def main(arguments: list[str]) -> int:
    """Answer one request; `arguments` name an engine, a job that asks all of them, or one that needs no client."""
    answer = _reserve_standard_output()
    job = arguments[0] if arguments else ""
    delegate = Delegate() if job in _ALL_ENGINES else None
    _warm(job)
    request: dict[str, Any] = {}
    try:
        request = protocol.read(sys.stdin.buffer)
        if job == _BACKUP:
            threading.Thread(target=_end_with_starter, daemon=True).start()
        reply = protocol.success(handle(request, delegate, sys.stdin.buffer))
    except Failure as error:
        reply = protocol.failure(redact(error, request))
    except protocol.ProtocolError as error:
        reply = protocol.failure(Failure("BadRequest", str(error), "send one frame of the job protocol"))
    except Exception as error:  # noqa: BLE001 - a job always answers: without a reply the host could only guess
        described = Failure("Unexpected", f"{type(error).__name__}: {error}", "run the command again, or report this")
        reply = protocol.failure(redact(described, request))
    answer.write(protocol.encode(reply))
    answer.flush()
    if delegate is not None:
        delegate.close()
    # Client libraries leave threads behind that would hold the exit up for seconds.
    sys.stderr.flush()
    os._exit(0)


def _end_with_starter() -> None:
    """End at once when nobody waits for the answer any more: what is half done would be in the way of who does it again."""
    # Not from the buffer: its lock would be held for as long as nothing comes.
    if not os.read(sys.stdin.fileno(), 1):
        os._exit(1)


def _reserve_standard_output() -> BinaryIO:
    """Keep standard output for the reply: what a library prints goes to the log."""
    answer = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    return answer


def _warm(job: str) -> None:
    """Import what the job will need. An import that fails is reported by the job itself, once it has a request."""
    with suppress(Exception):
        if job in NAMES:
            load(job)
            importlib.import_module("init.runner.actions")
        elif job in (*_ALL_ENGINES, _WIPE):
            for name in set(NAMES) - ({ENGINE} if job in _ALL_ENGINES else set()):
                load(name)
            importlib.import_module("init.health")
            importlib.import_module("init.wiping")
        elif job == _BACKUP:
            importlib.import_module("backup.actions")
        importlib.import_module("tenacity")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
