"""The server that recovers a restored PostgreSQL beside the running one: on its volume, without any network."""

import io
import json
import tarfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

import docker
from docker.errors import APIError, ImageNotFound, NotFound
from docker.models.containers import Container
from docker.types import LogConfig

from components.naming import STACK_LABEL
from init.resources.confinement import confined
from init.resources.job import JobError

RECOVERY_LABEL = "com.ai-karen.recovery"
_POLL_SECONDS = 0.3
_SAY_SECONDS = 2.0
# A shutdown writes everything that recovery has changed in memory.
_STOP_SECONDS = 600
_LOG_LINES = 400
_SHORT = "recovery ended before configured recovery target was reached"
_REACHED = "last completed transaction was at log time "
_AGAIN = "Fix: ./karen backup verify, then restore again"


@dataclass(frozen=True, kw_only=True)
class Recovery:
    """One recovery. `mount` is where jobs have the volume, so that paths in its settings are true; `memory` is bytes.

    `user` is the numeric user and group of the data; `until` says whether a moment is asked for, not the set's own point.
    """

    stack: str
    set_id: str
    image: str
    volume: str
    user: str = "999:999"
    mount: str = "/volumes/postgres"
    memory: int = 512 << 20
    until: bool = False

    @property
    def container(self) -> str:
        """Return the name of the server's container."""
        return f"ai-karen-{self.stack}-postgres-recovery"


def recover(
    spec: Recovery, *, load: Callable[[], object], settle: Callable[[str], object], tell: Callable[[str], object]
) -> None:
    """Load a part, recover it, make it the target's, and leave it stopped and ready for `exchange`.

    `load` runs the job that unpacks; `settle` the part's `recover` in a job whose network it is given (`container:<id>`). JobError
    if the server ends early, with its last line. What fails or is cut off here has left the data as they are: do it again.
    """
    client = docker.from_env(timeout=_STOP_SECONDS + 30)
    try:
        # One that was cut off would write to what is about to be removed.
        _remove(client, spec)
        load()
        with _started(client, spec, tell) as server:
            settle(f"container:{server.id}")
            tell("postgres: the recovered server stops")
            server.stop(timeout=_STOP_SECONDS)
            code = int(server.wait()["StatusCode"])
            if code:
                raise _ended(server, f"did not stop in order (exit code {code})")
            server.put_archive(f"{spec.mount}/restoring", _ready(spec))
    finally:
        client.close()


@contextmanager
def _started(client: docker.DockerClient, spec: Recovery, tell: Callable[[str], object]) -> Iterator[Container]:
    """Provide the server once it takes connections, which it does when it is recovered; gone afterwards."""
    try:
        server = _run(client, spec)
        if not _recovered(server, tell):
            log = server.logs(tail=_LOG_LINES).decode(errors="replace")
            if not (spec.until and _SHORT in log):
                raise _ended(server, "ended before it was recovered")
            # Nothing was committed between the moment and the end of what is archived: all of it is meant.
            _remove(client, spec)
            server = _run(client, spec, "-c", "recovery_target_time=")
            if not _recovered(server, tell):
                raise _ended(server, "ended before it was recovered")
        _tell_moment(server, tell)
        yield server
    finally:
        _remove(client, spec)


def _run(client: docker.DockerClient, spec: Recovery, *options: str) -> Container:
    restoring = f"{spec.mount}/restoring"
    try:
        return client.containers.run(
            spec.image,
            ["-D", f"{restoring}/pgdata", "-c", f"config_file={restoring}/server.conf", *options],
            entrypoint=["postgres"],
            name=spec.container,
            user=spec.user,
            detach=True,
            network_mode="none",
            # With the stack's label it is found, and removed, with what else the stack leaves.
            labels={STACK_LABEL: spec.stack, RECOVERY_LABEL: spec.stack},
            shm_size=spec.memory // 4,
            stop_signal="SIGINT",
            log_config=LogConfig(type=LogConfig.types.JSON, config={"max-size": "10m", "max-file": "3"}),
            volumes={spec.volume: {"bind": spec.mount, "mode": "rw"}},
            **confined(memory=spec.memory),
        )
    except ImageNotFound:
        raise JobError(f"The image {spec.image} is not on this engine. Fix: make images") from None
    except APIError as error:
        raise JobError(
            f"postgres: the server to recover with could not be started: {error.explanation}. {_AGAIN}"
        ) from None


def _recovered(server: Container, tell: Callable[[str], object]) -> bool:
    """Wait until the server takes connections; False if it has ended."""
    began = said = time.monotonic()
    while True:
        server.reload()
        if server.status != "running":
            return False
        with suppress(APIError):
            if server.exec_run(["pg_isready", "-q", "-h", "127.0.0.1"]).exit_code == 0:
                return True
        if time.monotonic() - said >= _SAY_SECONDS:
            said = time.monotonic()
            tell(f"postgres: replays the write-ahead log for {said - began:.0f} s")
        time.sleep(_POLL_SECONDS)


def _tell_moment(server: Container, tell: Callable[[str], object]) -> None:
    for line in server.logs(tail=_LOG_LINES).decode(errors="replace").splitlines():
        if _REACHED in line:
            tell(f"postgres: the last transaction in it was at {line.partition(_REACHED)[2]}")


def _ended(server: Container, what: str) -> JobError:
    lines = server.logs(tail=_LOG_LINES).decode(errors="replace").strip().splitlines()
    told = [line for line in lines if "FATAL" in line or "PANIC" in line] or lines[-1:] or ["it has no log"]
    return JobError(f"postgres: the server to recover with {what}: {told[-1].strip()}. {_AGAIN}", "RecoveryFailed")


def _ready(spec: Recovery) -> bytes:
    content = json.dumps({"set": spec.set_id}).encode()
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        entry = tarfile.TarInfo("ready")
        entry.uid, entry.gid = (int(part) for part in spec.user.split(":"))
        entry.size, entry.mode = len(content), 0o600
        archive.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()


def _remove(client: docker.DockerClient, spec: Recovery) -> None:
    with suppress(NotFound):
        client.api.remove_container(spec.container, force=True, v=True)
