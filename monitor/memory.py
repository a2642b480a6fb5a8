"""How much memory each server uses, looked at in a thread of its own: the container engine takes a second for each."""

import threading
import time
from collections.abc import Iterable

from monitor.model import Usage
from monitor.servers import UNREACHABLE, Servers

_PAUSE_SECONDS = 15.0


class Memory:
    """The last that is known of every server; one that does not run uses none."""

    def __init__(self, servers: Servers, services: Iterable[str]) -> None:
        self._servers = servers
        self._services = list(services)
        self.found: dict[str, Usage] = {}

    def begin(self) -> None:
        """Look now, and go on looking."""
        threading.Thread(target=self._run, name="memory", daemon=True).start()

    def _run(self) -> None:
        while True:
            for service in self._services:
                try:
                    usage = self._servers.memory(service)
                except UNREACHABLE:
                    usage = None
                others = {name: one for name, one in self.found.items() if name != service}
                self.found = {**others, **({service: usage} if usage else {})}
            time.sleep(_PAUSE_SECONDS)
