"""Names and labels: every container, volume and network carries its stack, so that stacks run side by side."""

from dataclasses import dataclass

PROJECT_LABEL = "com.ai-karen.project"
STACK_LABEL = "com.ai-karen.stack"
SERVICE_LABEL = "com.ai-karen.service"
# On a server's container: with another certificate, which it reads when it starts, it is another container.
CERTIFICATE_LABEL = "com.ai-karen.certificate"
PROJECT = "ai-karen-db"


@dataclass(frozen=True, kw_only=True)
class Naming:
    """The names of one stack's resources."""

    stack: str

    def container(self, service: str) -> str:
        """Return `ai-karen-<stack>-<service>`."""
        return f"ai-karen-{self.stack}-{service}"

    def volume(self, service: str, purpose: str = "data") -> str:
        """Return `ai-karen-<stack>-<service>-<purpose>`."""
        return f"ai-karen-{self.stack}-{service}-{purpose}"

    def data_volume(self, service: str, number: int) -> str:
        """Return the name of an engine's data volume; `number` is 1 for the first, and one more with each upgrade."""
        return self.volume(service, "data" if number == 1 else f"data-{number}")

    @property
    def network(self) -> str:
        """The stack's network: `ai-karen-db` for dev, as the original design names it."""
        return PROJECT if self.stack == "dev" else f"{PROJECT}-{self.stack}"

    @property
    def backend(self) -> str:
        """The network of Milvus and its stores, `ai-karen-backend-<stack>`."""
        return f"ai-karen-backend-{self.stack}"

    @property
    def operations(self) -> str:
        """The network by which the monitor and backups leave a production stack, `ai-karen-operations-<stack>`."""
        return f"ai-karen-operations-{self.stack}"

    @property
    def upgrade(self) -> str:
        """The network on which an engine is alone with jobs while it is upgraded, `ai-karen-upgrade-<stack>`."""
        return f"ai-karen-upgrade-{self.stack}"

    @property
    def vectors(self) -> str:
        """The network on which a production stack's Milvus is alone with its gateway, `ai-karen-vectors-<stack>`."""
        return f"ai-karen-vectors-{self.stack}"

    def labels(self, service: str) -> dict[str, str]:
        """Return the labels by which this project recognizes what it made."""
        return {PROJECT_LABEL: PROJECT, STACK_LABEL: self.stack, SERVICE_LABEL: service}
