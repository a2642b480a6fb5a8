"""Real containers for the image contract: started as the components start them, and removed whatever happens."""

import io
import tarfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import docker
from docker.errors import APIError, NotFound
from docker.models.containers import Container

from components.images import reference
from tests.contract.servers import SECRETS, SERVERS, Server

_LABEL = "com.ai-karen.test"
SOURCE = "build"


@dataclass
class Contract:
    """The network and the containers of one test session, by service; `start` also starts what a server needs."""

    client: docker.DockerClient
    name: str
    started: dict[str, Container] = field(default_factory=dict)
    _servers: dict[str, Server] = field(default_factory=dict)
    _healthy: set[str] = field(default_factory=set)

    @classmethod
    @contextmanager
    def session(cls, name: str) -> Iterator["Contract"]:
        """Provide an empty network of that name; leftovers of an earlier, killed session are removed first."""
        client = docker.from_env(timeout=120)
        contract = cls(client, f"ai-karen-contract-{name}")
        try:
            contract.clean()
            client.networks.create(contract.name, labels=contract.labels)
            yield contract
        finally:
            contract.clean()
            client.close()

    @property
    def labels(self) -> dict[str, str]:
        """What everything of this session carries."""
        return {_LABEL: self.name}

    def start(self, service: str, *, mounted: Mapping[str, Path] = MappingProxyType({}), **changes: Any) -> Container:
        """Start a server by the contract once, and return it without waiting for its health.

        `mounted` are directories of this machine, by where the server has them; `changes` are to its description.
        """
        if service not in self.started:
            self._servers[service] = server = replace(SERVERS[service], **changes)
            for needed in server.needs:
                self.start(needed)
            self._prepare(server)
            self.started[service] = self._run(server, mounted)
        return self.started[service]

    def healthy(self, service: str) -> Container:
        """Return the server once its health command succeeds; AssertionError with its log if it does not in time."""
        container, server = self.start(service), self._servers[service]
        if service in self._healthy:
            return container
        deadline = time.monotonic() + server.start_seconds
        while not self._answers(container, server):
            log = container.logs(tail=20).decode(errors="replace")
            assert container.status == "running", f"{service} ended:\n{log}"
            assert time.monotonic() < deadline, f"{service} is not healthy after {server.start_seconds} s:\n{log}"
            time.sleep(0.2)
        self._healthy.add(service)
        return container

    @staticmethod
    def _answers(container: Container, server: Server) -> bool:
        """Whether the health command succeeds; the container's status is brought up to date."""
        container.reload()
        # It may end between the two calls.
        with suppress(APIError):
            return container.status == "running" and container.exec_run(list(server.health)).exit_code == 0
        return False

    def address(self, service: str) -> str:
        """Return where a healthy server is reached from this machine; after a restart it may be somewhere else."""
        container = self.healthy(service)
        if not container.attrs["NetworkSettings"]["Networks"][self.name]["IPAddress"]:
            container.reload()
        return str(container.attrs["NetworkSettings"]["Networks"][self.name]["IPAddress"])

    def kill(self, service: str) -> None:
        """End a server with SIGKILL, as a crash does, and leave it there."""
        self._healthy.discard(service)
        self.started[service].kill()
        self.started[service].wait()

    def restart(self, service: str) -> None:
        """Start a server that was ended, and wait for its health."""
        self.started[service].start()
        self.healthy(service)

    def stop(self, service: str) -> tuple[int, float]:
        """Stop a server as `docker stop` does; return its exit code and the seconds it took."""
        container, began = self.started[service], time.monotonic()
        self._healthy.discard(service)
        container.stop(timeout=SERVERS[service].grace_seconds)
        return int(container.wait()["StatusCode"]), time.monotonic() - began

    def run(self, service: str, command: list[str], *, user: str | None = None, entrypoint: str = "") -> str:
        """Run a command in a fresh container, without any right, and return what it printed; `clean` removes it."""
        return bytes(
            self.client.containers.run(
                reference(service, SOURCE),
                command,
                entrypoint=entrypoint,
                user=user,
                network_mode="none",
                cap_drop=["ALL"],
                security_opt=["no-new-privileges"],
                labels=self.labels,
            )
        ).decode()

    def clean(self) -> None:
        """Remove every container, volume and network of the session."""
        labelled: dict[str, str | list[str] | bool] = {"label": f"{_LABEL}={self.name}"}
        for container in self.client.containers.list(all=True, filters=labelled):
            with suppress(NotFound):
                container.remove(force=True, v=True)
        for volume in self.client.volumes.list(filters=labelled):
            with suppress(NotFound):
                volume.remove(force=True)
        for network in self.client.networks.list(filters=labelled):
            with suppress(NotFound, APIError):
                network.remove()

    def _run(self, server: Server, mounted: Mapping[str, Path]) -> Container:
        name = f"{self.name}-{server.service}"
        container = self.client.containers.create(
            reference(server.service, SOURCE),
            list(server.command) or None,
            name=name,
            user=server.user,
            entrypoint=list(server.entrypoint) or None,
            tmpfs=dict(server.scratch),
            cap_drop=["ALL"],
            security_opt=["no-new-privileges"],
            environment=dict(server.environment),
            mem_limit=server.memory,
            memswap_limit=server.memory,
            stop_signal=server.stop_signal,
            labels=self.labels,
            network_mode="none",
            volumes={
                f"{name}-data": {"bind": server.data_path, "mode": "rw"},
                f"{name}-secrets": {"bind": SECRETS, "mode": "ro"},
                **{str(path): {"bind": place, "mode": "rw"} for place, path in mounted.items()},
            },
        )
        self.client.networks.get("none").disconnect(container)
        self.client.networks.get(self.name).connect(container, aliases=[server.service, *server.aliases])
        container.start()
        return container

    def _prepare(self, server: Server) -> None:
        """Make both volumes and hand them to the server's user, as the toolbox does for a stack."""
        name = f"{self.name}-{server.service}"
        for purpose in ("data", "secrets"):
            self.client.volumes.create(f"{name}-{purpose}", labels=self.labels)
        helper = self.client.containers.create(
            reference(server.service, SOURCE),
            ["-R", server.user, "/data"],
            entrypoint="chown",
            user="0:0",
            labels=self.labels,
            volumes={f"{name}-data": {"bind": "/data"}, f"{name}-secrets": {"bind": "/secrets"}},
        )
        helper.put_archive("/secrets", archive(server, server.secrets, 0o400))
        helper.put_archive("/data", archive(server, server.seeds, 0o600))
        helper.start()
        assert helper.wait()["StatusCode"] == 0, helper.logs().decode()
        helper.remove(v=True)


def archive(server: Server, files: Mapping[str, str], mode: int) -> bytes:
    """Pack files of a server's user."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(content.encode()), mode
            entry.uid, entry.gid = (int(part) for part in server.user.split(":"))
            archive.addfile(entry, io.BytesIO(content.encode()))
    return buffer.getvalue()
