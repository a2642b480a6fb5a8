"""What one upgrade is about: the engine, its two volumes and two servers, by their names."""

from dataclasses import dataclass, field, replace

from components.naming import Naming
from components.next_server import next_name
from ops.backups.stack import StackBackups


@dataclass(frozen=True, kw_only=True)
class Upgrade:
    """An engine's data go from the volume with `number` into the next one, whose server has `image`; both of the image `source`."""

    stack: str
    service: str
    number: int
    source: str
    image: str
    backups: StackBackups = field(repr=False)

    @property
    def naming(self) -> Naming:
        """Return the stack's names."""
        return Naming(stack=self.stack)

    @property
    def container(self) -> str:
        """Return the container of the server that has the data until then."""
        return self.naming.container(self.service)

    @property
    def next_container(self) -> str:
        """Return the container of the server that is given them."""
        return self.naming.container(next_name(self.service))

    @property
    def volume(self) -> str:
        """Return the volume that the data are in until then, and which is kept."""
        return self.naming.data_volume(self.service, self.number)

    @property
    def next_volume(self) -> str:
        """Return the volume that they come into."""
        return self.naming.data_volume(self.service, self.number + 1)

    @property
    def alone(self) -> StackBackups:
        """Return how jobs reach whichever server is on the network of the upgrade; a bucket by another one, that leads outside."""
        return replace(self.backups, network=self.naming.upgrade, outside=self.backups.outside or self.backups.network)

    @property
    def filled(self) -> StackBackups:
        """Return the same with the new server in the place of the old one."""
        server = replace(
            self.backups.servers[self.service], container=self.next_container, image=self.image, volume=self.next_volume
        )
        return replace(self.alone, servers={**self.backups.servers, self.service: server})
