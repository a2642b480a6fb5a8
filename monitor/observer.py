"""One round of checks: every engine asked, every container looked at."""

import time
from collections.abc import Mapping

from init.engines import load
from monitor.configuration import SOCKET, VOLUMES, Configuration
from monitor.disks import disks
from monitor.memory import Memory
from monitor.model import Answer, Container, Observation
from monitor.prober import Prober
from monitor.servers import UNREACHABLE, Servers

# An answer that takes longer is none.
_ANSWER_SECONDS = 3.0
_POLL_SECONDS = 0.02
# A file is asked seldom: while it is, nobody else can open it to write.
_FILE_SECONDS = 60.0


class Observer:
    """Looks at one stack's services."""

    def __init__(self, configuration: Configuration) -> None:
        self._configuration = configuration
        self.servers = Servers(SOCKET, configuration.containers, configuration.network)
        self._probers = {name: Prober(name, connection) for name, connection in configuration.engines.items()}
        self._files = {name for name, connection in configuration.engines.items() if "path" in connection}
        # A connection of its own: what takes its time must not hold up a restart.
        self._memory = Memory(
            Servers(SOCKET, configuration.containers, configuration.network), configuration.containers
        )
        self._files_due = 0.0
        # Why the container engine could not be asked, if it could not.
        self.blind: str | None = None

    def prepare(self) -> None:
        """Import every client, which takes longer than an answer may, and begin what goes on by itself."""
        for name in self._probers:
            load(name)
        self._memory.begin()

    def look(self) -> dict[str, Observation]:
        """Ask and look, and return what is seen after some seconds at most."""
        answers = self._asked()
        found = disks(VOLUMES, answers)
        observed = {}
        self.blind = None
        for name, answer in answers.items():
            observed[name] = Observation(
                service=name,
                answer=answer,
                container=self._container(name),
                disk=found.get(name),
                memory=self._memory.found.get(name),
            )
        return observed

    def _asked(self) -> Mapping[str, Answer]:
        now = time.monotonic()
        for name, prober in self._probers.items():
            # What failed is asked again at once.
            if name not in self._files or now >= self._files_due or not prober.answer().good:
                prober.ask()
        if now >= self._files_due:
            self._files_due = now + _FILE_SECONDS
        until = now + _ANSWER_SECONDS
        while time.monotonic() < until and any(prober.pending for prober in self._probers.values()):
            time.sleep(_POLL_SECONDS)
        return {name: prober.answer() for name, prober in self._probers.items()}

    def _container(self, name: str) -> Container | None:
        if name not in self._configuration.containers or self.blind is not None:
            return None
        try:
            return self.servers.look(name)
        except UNREACHABLE as error:
            self.blind = f"{type(error).__name__}: {error}"
            return None
