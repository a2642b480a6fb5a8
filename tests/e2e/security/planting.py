"""What a container engine and a machine tell of their containers, processes and files; and a secret planted in each of these places."""

import io
import json
import tarfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import docker
from docker.errors import NotFound
from docker.models.containers import Container

from components.images import reference
from components.naming import STACK_LABEL

PYTHON = "/opt/venv/bin/python"
_WAIT = "import sys, time; print(sys.argv[1], flush=True); time.sleep(900)"
# In the process namespace of the engine's host: what root there sees. An environment that cannot be read is told.
_PROCESSES = """
import json, os
found = {}
for number in filter(str.isdigit, os.listdir("/proc")):
    try:
        with open(f"/proc/{number}/cmdline", "rb") as arguments, open(f"/proc/{number}/environ", "rb") as environment:
            found[number] = [arguments.read().decode("latin-1"), environment.read().decode("latin-1")]
    except PermissionError:
        found[number] = ["", "not to be read"]
    except OSError:
        pass
print(json.dumps(found))
"""


@contextmanager
def planted(engine: docker.DockerClient, stack: str, text: str) -> Iterator[Container]:
    """Have a text in an argument, a variable and the log of a container, and in a label of an image, a volume and a network."""
    name, labels = f"{stack}-planted", {STACK_LABEL: stack, "com.ai-karen.planted": text}
    volume = network = container = image = None
    try:
        volume, network = engine.volumes.create(name, labels=labels), engine.networks.create(name, labels=labels)
        container = engine.containers.run(
            reference("toolbox", "build"),
            ["-c", _WAIT, text],
            entrypoint=PYTHON,
            name=name,
            labels=labels,
            environment={"PLANTED": text},
            network_mode="none",
            detach=True,
        )
        image = container.commit(name, changes=[f'LABEL com.ai-karen.planted="{text}"'], pause=False)
        yield container
    finally:
        if container is not None:
            container.remove(force=True)
        if image is not None:
            engine.images.remove(f"{name}:latest", force=True)
        for one in (volume, network):
            if one is not None:
                with suppress(NotFound):
                    one.remove()


def inspected(engine: docker.DockerClient) -> dict[str, dict[str, bytes]]:
    """Return what `docker inspect` tells of everything that there is on the engine: kind, name, text."""
    api = engine.api
    listed: dict[str, list[tuple[str, Any]]] = {
        "container": [(one["Id"], api.inspect_container) for one in api.containers(all=True)],
        "image": [(one["Id"], api.inspect_image) for one in api.images()],
        "volume": [(one["Name"], api.inspect_volume) for one in api.volumes()["Volumes"] or ()],
        "network": [(one["Id"], api.inspect_network) for one in api.networks()],
    }
    return {kind: dict(_told(found)) for kind, found in listed.items()}


def _told(found: list[tuple[str, Any]]) -> Iterator[tuple[str, bytes]]:
    for name, inspect in found:
        # What others take away meanwhile is not there.
        with suppress(NotFound):
            facts = inspect(name)
            yield str(facts.get("Name") or facts.get("RepoTags") or name), json.dumps(facts).encode()


def processes(engine: docker.DockerClient) -> tuple[dict[str, bytes], dict[str, bytes]]:
    """Return the arguments and the environments of all processes of the engine's host, those in containers too, by their number."""
    told = engine.containers.run(
        reference("toolbox", "build"),
        ["-c", _PROCESSES],
        entrypoint=PYTHON,
        user="0",
        pid_mode="host",
        network_mode="none",
        cap_add=["SYS_PTRACE", "DAC_READ_SEARCH"],
        security_opt=["apparmor=unconfined"],
        remove=True,
    )
    found: Mapping[str, list[str]] = json.loads(told)
    arguments = {f"{number} {one[0][:40]!r}": one[0].encode("latin-1") for number, one in found.items()}
    return arguments, {f"{number} {one[0][:40]!r}": one[1].encode("latin-1") for number, one in found.items()}


def files(*places: Path, since: float = 0) -> dict[str, bytes]:
    """Return the content of all files in directories that were written since a moment (Unix seconds), by their paths."""
    found: dict[str, bytes] = {}
    for path in (path for place in places for path in place.rglob("*")):
        # What others take away meanwhile is not there; a socket or a pipe holds nothing.
        with suppress(FileNotFoundError):
            if path.is_file() and not path.is_symlink() and path.stat().st_mtime >= since:
                found[str(path)] = path.read_bytes()
    return found


def directory(container: Container, path: str) -> bytes:
    """Return all that is in a directory of a container, as one archive."""
    return b"".join(container.get_archive(path)[0])


def archive(name: str, text: str) -> bytes:
    """Return an archive with one file, for `put_archive`."""
    written = io.BytesIO()
    with tarfile.open(fileobj=written, mode="w") as made:
        told = tarfile.TarInfo(name)
        told.size = len(text)
        made.addfile(told, io.BytesIO(text.encode()))
    return written.getvalue()
