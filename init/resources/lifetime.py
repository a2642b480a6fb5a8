"""Ending with the process that started this one.

Pulumi kills its language host and its plugins, but not what they started in turn. A Python process that lives on holds
their pipes open, for which Pulumi waits five seconds after a failed update; and a provider that works on after its update
was killed would be in the way of the next one.
"""

import os
import threading
import time
from functools import cache

_PAUSE_SECONDS = 0.1


@cache
def end_with_parent() -> None:
    """End this process soon after its parent has ended; asked for again, it changes nothing."""
    threading.Thread(target=_watch, args=[os.getppid()], daemon=True).start()


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(_PAUSE_SECONDS)
    os._exit(1)
