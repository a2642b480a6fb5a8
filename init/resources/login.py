"""`Login`: proof, before a container is replaced, that the server in it lets in with the password that Pulumi has."""

from collections.abc import Mapping
from typing import Any

import pulumi
from pulumi.dynamic import Resource

from init.resources.provider import Provider

_DEADLINE_SECONDS = 60.0
_REFUSED = "AuthenticationFailed"


class LoginProvider(Provider):
    """Asks the server that runs, if one does; only a password that is refused is an error, for another fault the next container may mend."""

    kind = "login"

    def apply(self, props: dict[str, Any]) -> dict[str, Any]:
        """Log in; raises, naming the volume, when the password is refused."""
        from init.resources.job import Job, JobError, JobSpec

        if not _runs(props["name"]):
            return {}
        request = {"action": "login", "engine": props["service"], "connection": props["connection"]}
        try:
            with Job(JobSpec.of(props, deadline_seconds=_DEADLINE_SECONDS)) as job:
                job.run({"protocol": 1, **request})
        except JobError as error:
            if error.kind != _REFUSED:
                return {}
            raise RuntimeError(
                f"{props['service']} does not let in with the password that Pulumi has: its data, in the volume {props['volume']}, have "
                f"another one. Nothing was replaced. {error}; passwords are changed by ./karen rotate {props['service']}"
            ) from None
        return {}


class Login(Resource, module="karen", name="Login"):
    """A login that is tried again whenever the container's `definition`, or the password, is another one."""

    def __init__(
        self,
        service: str,
        *,
        stack: str,
        image: str,
        network: pulumi.Input[str],
        user: str,
        name: str,
        volume: pulumi.Input[str],
        connection: Mapping[str, Any],
        definition: pulumi.Input[str],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """`name` is the container's."""
        props = {
            "stack": stack,
            "service": service,
            "image": image,
            "network": network,
            "user": user,
            "name": name,
            "volume": volume,
            "connection": pulumi.Output.secret(dict(connection)),
            "definition": definition,
        }
        super().__init__(LoginProvider(), f"{service}-login", props, opts)


def _runs(container: str) -> bool:
    import docker
    from docker.errors import NotFound

    client = docker.from_env()
    try:
        return bool(client.api.inspect_container(container)["State"]["Running"])
    except NotFound:
        return False
    finally:
        client.close()
