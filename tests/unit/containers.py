"""A container engine that is only told of: its client's answers and errors, and what it was asked."""

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

from docker.errors import APIError, NotFound
from requests import Response

from components.naming import SERVICE_LABEL, STACK_LABEL


def refusal(told: str, code: int = 500) -> APIError:
    """Return what the client raises when the engine refuses."""
    response = Response()
    response.status_code = code
    return (NotFound if code == 404 else APIError)(f"{code} Server Error", response, told)


def facts(name: str, *, running: bool) -> dict[str, Any]:
    """Return what the engine tells of a container."""
    status = "running" if running else "exited"
    return {
        "Id": name,
        "Name": f"/{name}",
        "State": {"Running": running, "Paused": False, "Status": status},
        "Config": {"StopTimeout": 1},
        "NetworkSettings": {"Ports": {}},
    }


class Engine:
    """Containers of a stack by service: whether each runs, or what the engine answers instead of telling."""

    def __init__(self, **services: bool | Exception) -> None:
        self.services = services
        self.streams: dict[str, list[Any]] = {}
        self.begun: list[str] = []
        self.trouble: Exception | None = None
        self.api: Any = self

    def containers(self, **_: object) -> list[dict[str, Any]]:
        if self.trouble is not None:
            raise self.trouble
        return [{"Id": name, "Labels": {SERVICE_LABEL: name, STACK_LABEL: "dev"}} for name in self.services]

    def inspect_container(self, name: str) -> dict[str, Any]:
        found = self.services.get(name, refusal(f"No such container: {name}", 404))
        if isinstance(found, Exception):
            raise found
        return facts(name, running=found)

    def start(self, name: str) -> None:
        self.begun.append(name)
        if self.trouble is not None:
            raise self.trouble

    def logs(self, name: str, *, follow: bool, since: float | None, **_: object) -> Iterator[bytes]:
        """Give the next stream of a container; without one its container is gone."""
        self.begun.append(f"{name} {'on' if follow else 'all'} {since or 0:.6f}")
        if not self.streams[name]:
            raise refusal("No such container", 404)
        return iter(self.streams[name].pop(0))

    def close(self) -> None:
        """Nothing is open."""

    @property
    def client(self) -> Any:
        """Return what `docker.from_env` would."""
        return SimpleNamespace(api=self, close=self.close)
