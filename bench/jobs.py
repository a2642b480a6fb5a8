"""Jobs that are timed inside their container: from the start of a program to its end, without Docker's own time."""

import json
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from docker.models.containers import Container

from bench import backup_program
from bench.servers import put
from components.images import reference
from tests.contract.containers import SOURCE, Contract

FILES = "/files"
_USER = "999:999"
_TIMED = 'began=$(date +%s%N) && "$@" >/tmp/told 2>&1 && echo "$began $(date +%s%N)" || { cat /tmp/told; exit 1; }'


@dataclass(frozen=True)
class Job:
    """A container that waits for programs; its working directory is on the volume that backups go to."""

    container: Container

    def seconds(self, command: Sequence[str], environment: Mapping[str, str] | None = None) -> float:
        """Return how long a program took that begins with an empty volume; AssertionError with what it told if it fails."""
        self._run(["sh", "-c", f"rm -rf {FILES}/*"], {})
        began, ended = map(int, self._run(["sh", "-c", _TIMED, "timed", *command], environment or {}).split())
        return (ended - began) / 1e9

    def _run(self, command: list[str], environment: Mapping[str, str]) -> str:
        done = self.container.exec_run(command, environment=dict(environment), workdir=FILES)
        assert isinstance(done.output, bytes)
        assert done.exit_code == 0, done.output.decode()[-2000:]
        return done.output.decode()


@contextmanager
def job(contract: Contract, service: str) -> Iterator[Job]:
    """Provide a container of a service's image on the session's network, with the session's volume for backups."""
    volume = contract.client.volumes.create(f"{contract.name}-files", labels=contract.labels)
    mounted = {volume.name: {"bind": FILES, "mode": "rw"}}
    image = reference(service, SOURCE)
    contract.client.containers.run(
        image, [_USER, FILES], entrypoint=["chown"], user="0:0", remove=True, labels=contract.labels, volumes=mounted
    )
    container = contract.client.containers.create(
        image,
        ["3600"],
        entrypoint=["sleep"],
        user=_USER,
        cap_drop=["ALL"],
        labels=contract.labels,
        network=contract.name,
        volumes=mounted,
    )
    try:
        container.start()
        yield Job(container)
    finally:
        container.remove(force=True, v=True)


def backing_up(one: Job, engine: str, connection: Mapping[str, Any]) -> list[str]:
    """Return the command that takes an engine's part in a job of the toolbox's image, with that image's own code."""
    with tempfile.TemporaryDirectory() as directory:
        file = Path(directory) / "connection.json"
        file.write_text(json.dumps(dict(connection)), encoding="utf-8")
        program = put(one.container, Path(backup_program.__file__))
        return ["python", program, engine, put(one.container, file), FILES]
