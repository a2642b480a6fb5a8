"""`ProcessLimit`: how many processes and threads a container may have, which the provider of containers cannot say."""

from typing import Any

import pulumi
from pulumi.dynamic import ReadResult, Resource

from init.resources.provider import Provider


class ProcessLimitProvider(Provider):
    """Sets the limit on the running container, and looks whether the engine keeps it."""

    kind = "process-limit"

    def apply(self, props: dict[str, Any]) -> dict[str, Any]:
        """Ask the engine for the limit; raises if the container does not have it then."""
        import docker

        container, limit = props["container"], int(props["limit"])
        client = docker.from_env()
        try:
            # The library's own update has no argument for it.
            api: Any = client.api
            answer = api._post_json(api._url("/containers/{0}/update", container), data={"PidsLimit": limit})
            api._raise_for_status(answer)
            kept = _kept(api, container)
        finally:
            client.close()
        if kept != limit:
            raise RuntimeError(
                f"The container of {props['service']} has a limit of {kept} processes, not {limit}: the engine's kernel does not limit "
                "them. Fix: mount the kernel's pids controller (docker info warns of its absence), then run the command again"
            )
        return {}

    def read(self, id_: str, props: dict[str, Any]) -> ReadResult:
        """Tell the limit that the container has, so that another one is set right by the next update."""
        import docker
        from docker.errors import NotFound

        client = docker.from_env()
        try:
            return ReadResult(id_, {**props, "limit": _kept(client.api, props["container"])})
        except NotFound:
            return ReadResult(id_, {**props, "limit": 0})
        finally:
            client.close()


def _kept(api: Any, container: str) -> int:
    """Return a container's limit; 0 without one."""
    return int(api.inspect_container(container)["HostConfig"].get("PidsLimit") or 0)


class ProcessLimit(Resource, module="karen", name="ProcessLimit"):
    """A container's limit of processes and threads, set again on a container that was made anew."""

    def __init__(
        self,
        name: str,
        *,
        stack: str,
        service: str,
        container: pulumi.Input[str],
        limit: int,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        props = {"stack": stack, "service": service, "container": container, "limit": limit}
        super().__init__(ProcessLimitProvider(), name, props, opts)
