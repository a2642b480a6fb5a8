"""Restarts under way: each in a thread, for a server that hangs takes its time to end."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

import structlog

from monitor.servers import UNREACHABLE

_AT_ONCE = 4
_log = structlog.get_logger()


class Restarting:
    """What is done to servers now, one thing at a time to each."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(max_workers=_AT_ONCE, thread_name_prefix="restart")
        self._under_way: dict[str, Future[None]] = {}

    def begin(self, service: str, action: Callable[[str], None]) -> None:
        """Do something to a server."""
        self._under_way[service] = self._pool.submit(_done, action, service)

    def ended(self) -> list[str]:
        """Return the services with which it is over since this was asked last."""
        found = [name for name, one in self._under_way.items() if one.done()]
        for name in found:
            del self._under_way[name]
        return found

    @property
    def busy(self) -> set[str]:
        """Return the services with which it goes on, or was not yet told to be over."""
        return set(self._under_way)


def _done(action: Callable[[str], None], service: str) -> None:
    try:
        action(service)
    except UNREACHABLE as error:
        _log.error("a server was not restarted or stopped", service=service, error=str(error))
