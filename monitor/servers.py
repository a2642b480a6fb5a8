"""The stack's containers, through the restricted socket: looking at them, and starting them again."""

from collections.abc import Mapping, Sequence
from contextlib import closing
from datetime import datetime
from typing import Any

import docker
import requests
from docker.errors import DockerException, NotFound

from monitor.model import Container, Usage

# What a server may take to end, before it is made to; one that hangs does not end by itself.
_GRACE_SECONDS = 10
# Looking is a matter of moments, and must not hold up who looks; a restart takes its time.
_LOOK_SECONDS, _RESTART_SECONDS = 3, 70
UNREACHABLE = (DockerException, requests.RequestException)


class Servers:
    """This stack's servers by service; errors are those in UNREACHABLE."""

    def __init__(
        self,
        socket: str,
        containers: Mapping[str, str],
        networks: Mapping[str, Sequence[str]],
        *,
        seconds: int = _LOOK_SECONDS,
    ) -> None:
        """`networks` are those on which each service has to be; `seconds` is what an answer to a look may take."""
        self._socket = socket
        self._seconds = seconds
        self._containers = containers
        self._networks = networks
        self._api: docker.APIClient | None = None

    def look(self, service: str) -> Container:
        """Return a server's container as it is now."""
        try:
            facts = self._client().inspect_container(self._containers[service])
        except NotFound:
            return Container(state="missing")
        state = facts["State"]
        return Container(
            state="paused" if state["Paused"] else str(state["Status"]),
            health=(state.get("Health") or {}).get("Status"),
            started_at=_time(state["StartedAt"]),
            restarts=int(facts["RestartCount"]),
            exit_code=int(state["ExitCode"]),
            out_of_memory=bool(state["OOMKilled"]),
            attached=set(self._networks[service]) <= set(facts["NetworkSettings"]["Networks"]),
        )

    def memory(self, service: str) -> Usage | None:
        """Return how much of its limit a server uses, as `docker stats` has it: what is given back at once is not counted."""
        found: dict[str, Any] = self._client().stats(self._containers[service], stream=False, one_shot=True)
        memory = found.get("memory_stats", {})
        if "usage" not in memory:
            return None
        cache = memory["stats"].get("inactive_file", memory["stats"].get("total_inactive_file", 0))
        return Usage(used=memory["usage"] - cache, limit=memory["limit"])

    def restart(self, service: str) -> None:
        """Start a server that has ended, or end and start one that runs; several threads may do so at once."""
        container = self._containers[service]
        with closing(docker.APIClient(self._socket, version="auto", timeout=_RESTART_SECONDS)) as client:
            if client.inspect_container(container)["State"]["Status"] in ("running", "paused"):
                client.restart(container, timeout=_GRACE_SECONDS)
            else:
                client.start(container)

    def stop(self, service: str) -> None:
        """End a server, and have the container engine leave it so."""
        with closing(docker.APIClient(self._socket, version="auto", timeout=_RESTART_SECONDS)) as client:
            client.stop(self._containers[service], timeout=_GRACE_SECONDS)

    def _client(self) -> docker.APIClient:
        if self._api is None:
            self._api = docker.APIClient(self._socket, version="auto", timeout=self._seconds)
        return self._api


def _time(text: str) -> datetime | None:
    """Read the engine's time, which has nanoseconds; a container that never started has year 1."""
    at = datetime.fromisoformat(f"{text[:19]}+00:00")
    return at if at.year > 1 else None
