"""Jobs: short-lived toolbox containers inside the stack's network. The work goes in over standard input, so that no
secret appears in an environment, an argument or a label; log lines and one reply come back.
"""

import threading
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import docker
from docker.errors import APIError, DockerException, ImageNotFound, NotFound
from docker.types import LogConfig
from docker.utils.socket import frames_iter

from init.protocol import FrameReader, ProtocolError, encode
from init.resources.confinement import confined, refused, resolver
from init.resources.messages import say, whole_numbers
from init.resources.upload import Upload

STACK_LABEL = "com.ai-karen.stack"
JOB_LABEL = "com.ai-karen.job"
DEADLINE_LABEL = "com.ai-karen.deadline"
_STANDARD_OUTPUT = 1
MEMORY = 768 * 1024 * 1024


class JobError(RuntimeError):
    """A job failed; the message says what, and the fix where one is known. `kind` is the answer's, empty without one."""

    def __init__(self, message: str, kind: str = "") -> None:
        super().__init__(message)
        self.kind = kind


@dataclass(frozen=True, kw_only=True)
class JobSpec:
    """One job. `volumes` maps path, with options after a colon, to volume name; without a `network` the job has none.

    `others` are joined besides it.
    """

    stack: str
    name: str
    image: str
    user: str
    network: str | None = None
    others: tuple[str, ...] = ()
    volumes: Mapping[str, str] = field(default_factory=dict)
    capabilities: tuple[str, ...] = ()
    deadline_seconds: float = 120.0
    # What runs outside an update may run several times at once: then only what is past its deadline is swept.
    exclusive: bool = True

    @classmethod
    def of(cls, props: Mapping[str, Any], *, deadline_seconds: float, exclusive: bool = False) -> "JobSpec":
        """Return a resource's job from its inputs."""
        return cls(
            stack=props["stack"],
            name=props["service"],
            image=props["image"],
            user=props["user"],
            network=props["network"],
            volumes=props.get("volumes") or {},
            deadline_seconds=deadline_seconds,
            exclusive=exclusive,
        )

    @property
    def label(self) -> str:
        """Return the job's name on the engine: one outside an update is not taken for the update's."""
        return self.name if self.exclusive else f"{self.name}-outside"


class Job:
    """A started job, importing its client library while it waits for its request. A context manager: it leaves nothing."""

    def __init__(self, spec: JobSpec) -> None:
        self._spec = spec
        try:
            self._client = docker.from_env(timeout=int(spec.deadline_seconds) + 30)
        except DockerException as error:
            raise JobError(f"The container engine is not reachable: {error}. Fix: make bootstrap") from None
        self._started = time.monotonic()
        sweep(spec.stack, spec.label, client=self._client, expired_only=not spec.exclusive)
        api = self._client.api
        try:
            self._id = api.create_container(
                spec.image,
                command=[spec.name],
                user=spec.user,
                stdin_open=True,
                labels={
                    STACK_LABEL: spec.stack,
                    JOB_LABEL: spec.label,
                    DEADLINE_LABEL: str(int(time.time() + spec.deadline_seconds)),
                },
                host_config=_host_config(api, spec),
            )["Id"]
        except ImageNotFound:
            raise JobError(f"The image {spec.image} is not on this engine. Fix: make images") from None
        try:
            for network in spec.others:
                api.connect_container_to_network(self._id, network)
            self._socket = api.attach_socket(self._id, params={"stdin": 1, "stdout": 1, "stderr": 1, "stream": 1})
            api.start(self._id)
        except BaseException as error:
            # Also when it is interrupted.
            self.close()
            if isinstance(error, APIError):
                raise JobError(f"The {spec.name} job could not be started: {refused(error)}") from None
            raise

    def __enter__(self) -> "Job":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Remove the container, running or not."""
        with suppress(NotFound, APIError):
            self._client.api.remove_container(self._id, force=True, v=True)
        self._client.close()

    def run(
        self,
        request: Mapping[str, Any],
        data: Iterable[bytes] | None = None,
        *,
        tell: Callable[[str], None] = say,
    ) -> dict[str, Any]:
        """Send the request, `tell` the job's log lines as they come, and return the reply's result; JobError otherwise.

        `data` follows the request piece by piece; what goes wrong with reading it ends the job, and is raised.
        """
        remaining = max(1.0, self._spec.deadline_seconds - (time.monotonic() - self._started))
        timer = threading.Timer(remaining, self._kill)
        timer.daemon = True
        timer.start()
        reader, lines = FrameReader(), _Lines(tell)
        connection = getattr(self._socket, "_sock", self._socket)
        upload = Upload(connection, data if data is not None else (), failed=self._kill)
        try:
            connection.sendall(encode(whole_numbers(dict(request))))
            if data is not None:
                upload.start()
            for stream, chunk in frames_iter(self._socket, tty=False):  # type: ignore[no-untyped-call]
                if stream == _STANDARD_OUTPUT:
                    reply = reader.feed(chunk)
                    if reply is not None:
                        return _result(reply, self._spec.name)
                else:
                    lines.feed(chunk)
        except (OSError, ProtocolError) as error:
            raise JobError(f"The {self._spec.name} job was cut off: {error}. Fix: run the command again") from None
        finally:
            expired = not timer.is_alive()
            timer.cancel()
            upload.stop()
        if upload.error is not None:
            raise upload.error
        if expired:
            raise JobError(
                f"The {self._spec.name} job did not finish within {self._spec.deadline_seconds:.0f} s. Fix: run the command again"
            )
        raise JobError(
            f"The {self._spec.name} job ended without an answer: it was killed, has crashed, or was out of its {MEMORY >> 20} MB of memory. "
            f"Its last line: {lines.last() or 'none'}. Fix: run the command again"
        )

    def _kill(self) -> None:
        with suppress(NotFound, APIError):
            docker.from_env().api.kill(self._id)


def _host_config(api: docker.APIClient, spec: JobSpec) -> dict[str, Any]:
    """Return limits and mounts: no capability but the named ones, and no log."""
    config: dict[str, Any] = api.create_host_config(
        binds=[f"{volume}:{path}" for path, volume in spec.volumes.items()],
        network_mode=spec.network or "none",
        dns=None if not spec.network or ":" in spec.network else resolver(api, (spec.network, *spec.others)),
        cap_add=list(spec.capabilities),
        tmpfs={"/tmp": "size=64m"},  # noqa: S108 - a path inside the container
        log_config=LogConfig(type=LogConfig.types.NONE),
        # Nothing is left of one whose starter was killed; an update's job is swept by the next update.
        auto_remove=not spec.exclusive,
        **confined(memory=MEMORY),
    )
    return config


class _Lines:
    """A job's log as it comes: every complete line is told; what is printed, Pulumi shows."""

    def __init__(self, tell: Callable[[str], None]) -> None:
        self._tell = tell
        self._rest = b""
        self._last = b""

    def feed(self, chunk: bytes) -> None:
        """Take the next bytes."""
        *lines, self._rest = (self._rest + chunk).split(b"\n")
        for line in lines:
            self._tell(line.decode(errors="replace"))
            self._last = line

    def last(self) -> str:
        """Return the last line, complete or not."""
        return (self._rest or self._last).decode(errors="replace").strip()


def _result(reply: Mapping[str, Any], name: str) -> dict[str, Any]:
    if reply.get("ok"):
        return dict(reply["result"])
    error = reply.get("error") or {}
    fix = f". Fix: {error['fix']}" if error.get("fix") else ""
    kind, message = error.get("kind", "Error"), str(error.get("message", "no reason was given")).removesuffix(".")
    raise JobError(f"{name}: {kind}: {message}{fix}", kind)


def sweep(
    stack: str, name: str | None = None, *, client: docker.DockerClient | None = None, expired_only: bool = False
) -> int:
    """Remove earlier jobs of a stack (of one name, or all) whose starter is gone; return how many there were.

    Pulumi's stack lock keeps two updates of one stack apart, so an update's job that is still there has nobody to answer
    to. Of jobs outside updates that can be said only past their deadline.
    """
    engine = client or docker.from_env()
    labels = [f"{STACK_LABEL}={stack}", JOB_LABEL if name is None else f"{JOB_LABEL}={name}"]
    try:
        found = engine.api.containers(all=True, filters={"label": labels})
        late = [one for one in found if float(one["Labels"].get(DEADLINE_LABEL, 0)) < time.time()]
        swept = late if expired_only else found
        for container in swept:
            with suppress(NotFound, APIError):
                engine.api.remove_container(container["Id"], force=True, v=True)
        return len(swept)
    finally:
        if client is None:
            engine.close()
