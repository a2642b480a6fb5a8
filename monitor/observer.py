"""One round of checks: every engine asked, every container looked at."""

import time
from collections.abc import Collection, Mapping

from init.engines import load
from monitor.configuration import SOCKET, VOLUMES, Configuration
from monitor.disks import disks
from monitor.memory import Memory
from monitor.model import FAILED, MAINTENANCE, Answer, Container, Observation
from monitor.prober import Prober
from monitor.servers import UNREACHABLE, Servers

# An answer that takes longer is none.
_ANSWER_SECONDS = 3.0
_POLL_SECONDS = 0.02
# All containers together; a container engine that takes longer is none. The longest look is this, the answers and one last container.
_CONTAINERS_SECONDS = 5.0
_MEMORY_SECONDS = 10
# A file is asked seldom: while it is, nobody else can open it to write.
_FILE_SECONDS = 60.0


class Observer:
    """Looks at one stack's services."""

    def __init__(self, configuration: Configuration) -> None:
        self._configuration = configuration
        self.servers = Servers(SOCKET, configuration.containers, configuration.networks)
        self._probers = {name: Prober(name, connection) for name, connection in configuration.engines.items()}
        self._files = {name for name, connection in configuration.engines.items() if "path" in connection}
        # A connection of its own: what takes its time must not hold up a restart.
        measured = Servers(SOCKET, configuration.containers, configuration.networks, seconds=_MEMORY_SECONDS)
        self._memory = Memory(measured, configuration.containers)
        self._files_due = 0.0
        # Why the container engine could not be asked, if it could not.
        self.blind: str | None = None

    def prepare(self) -> None:
        """Import every client, which takes longer than an answer may, and begin what goes on by itself."""
        for name in self._probers:
            load(name)
        self._memory.begin()

    def look(self, leased: Collection[str] = ()) -> dict[str, Observation]:
        """Ask and look, and return what is seen after some seconds at most; `leased` services are looked at only."""
        answers = self._asked(leased)
        found = disks(VOLUMES, self._probers)
        observed = {}
        self.blind = None
        until = time.monotonic() + _CONTAINERS_SECONDS
        for name in self._probers:
            container = self._container(name, until)
            observed[name] = Observation(
                service=name,
                answer=answers[name] if name in answers else unasked(name, container),
                container=container,
                disk=found.get(name),
                memory=self._memory.found.get(name),
            )
        return observed

    def _asked(self, leased: Collection[str]) -> Mapping[str, Answer]:
        now = time.monotonic()
        asked = {name: prober for name, prober in self._probers.items() if name not in leased}
        for name in leased:
            self._probers[name].rest()
        for name, prober in asked.items():
            # What failed is asked again at once.
            if name not in self._files or now >= self._files_due or not prober.answer().good:
                prober.ask()
        if now >= self._files_due:
            self._files_due = now + _FILE_SECONDS
        until = now + _ANSWER_SECONDS
        while time.monotonic() < until and any(prober.pending for prober in asked.values()):
            time.sleep(_POLL_SECONDS)
        return {name: prober.answer() for name, prober in asked.items()}

    def _container(self, name: str, until: float) -> Container | None:
        if name not in self._configuration.containers or self.blind is not None:
            return None
        if time.monotonic() > until:
            self.blind = f"it took more than {_CONTAINERS_SECONDS:.0f} s to look at the containers"
            return None
        try:
            return self.servers.look(name)
        except UNREACHABLE as error:
            self.blind = f"{type(error).__name__}: {error}"
            return None


def unasked(name: str, container: Container | None) -> Answer:
    """Return the answer of a service that somebody works on: its server's container is all that is known of it."""
    if container is None or (container.state == "running" and container.attached):
        return Answer(status=MAINTENANCE)
    message = f"{name}: its container is {container.state}, and somebody works on it"
    return Answer(status=FAILED, kind="Maintenance", message=message, fix="wait for the maintenance to end")
