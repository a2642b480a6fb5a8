"""Elasticsearch with a staging volume, as the stack runs it for backups: the server may write snapshots where jobs can read them."""

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from components.images import reference
from tests.contract.containers import SOURCE, Contract
from tests.contract.servers import PASSWORD, SECRETS, SERVERS

STAGING = "/usr/share/elasticsearch/staging"


@dataclass(frozen=True)
class Staged:
    """A running server and the connection that its jobs are given."""

    contract: Contract
    connection: Mapping[str, str]

    @property
    def staging(self) -> Path:
        """Return the staging volume's directory on this machine."""
        return Path(self.connection["staging"])


@contextmanager
def started(name: str) -> Iterator[Staged]:
    """Provide a server of a session of its own; its staging volume is a directory of this machine."""
    with Contract.session(name) as contract, tempfile.TemporaryDirectory() as directory:
        staging = Path(directory)
        staging.chmod(0o755)
        for below in ("sets", "restores"):
            (staging / below).mkdir()
        (staging / "sets").chmod(0o777)
        _start(contract, staging)
        connection = {
            "url": f"http://{contract.address('elasticsearch')}:9200",
            "user": "elastic",
            "password": PASSWORD,
            "staging": str(staging),
            "repository": STAGING,
        }
        try:
            yield Staged(contract, connection)
        finally:
            contract.clean()


def _start(contract: Contract, staging: Path) -> None:
    """Start the server of the contract, with a place for snapshots in addition."""
    server = SERVERS["elasticsearch"]
    contract._prepare(server)
    name = f"{contract.name}-{server.service}"
    container = contract.client.containers.create(
        reference(server.service, SOURCE),
        name=name,
        user=server.user,
        cap_drop=["ALL"],
        security_opt=["no-new-privileges"],
        environment={**server.environment, "path.repo": STAGING},
        mem_limit=server.memory,
        memswap_limit=server.memory,
        labels=contract.labels,
        network=contract.name,
        volumes={
            f"{name}-data": {"bind": server.data_path, "mode": "rw"},
            f"{name}-secrets": {"bind": SECRETS, "mode": "ro"},
            str(staging): {"bind": STAGING, "mode": "rw"},
        },
    )
    container.start()
    contract.started[server.service] = container
