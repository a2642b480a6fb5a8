"""The operations volume, read and written from outside: through the monitor's container, whether that runs or not."""

import io
import json
import tarfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from components.naming import Naming

if TYPE_CHECKING:
    import docker

MOUNT = "/operations"
# The monitor's user, who removes what is over.
_OWNER = 10001
_TIMEOUT_SECONDS = 10


class UnreachableError(Exception):
    """The volume could not be written to; the message says why."""


class OperationsVolume:
    """One stack's volume. Files are JSON documents; paths are relative to it."""

    def __init__(self, api: "docker.APIClient", container: str) -> None:
        self._api = api
        self._container = container

    @classmethod
    @contextmanager
    def of(cls, stack: str) -> Iterator["OperationsVolume | None"]:
        """Open a stack's volume; None for one without a monitor, or without an engine to ask."""
        import docker
        from docker.errors import DockerException

        container = Naming(stack=stack).container("monitor")
        try:
            client = docker.from_env(timeout=_TIMEOUT_SECONDS)
        except DockerException:
            yield None
            return
        try:
            yield cls(client.api, container) if _is_there(client.api, container) else None
        finally:
            client.close()

    def write(self, path: str, document: Mapping[str, Any]) -> None:
        """Write a file, and the directory that it is in; UnreachableError if that cannot be."""
        import requests
        from docker.errors import DockerException

        directory, _, name = path.rpartition("/")
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w") as archive:
            for part in (directory, f"{directory}/{name}"):
                entry = tarfile.TarInfo(part)
                entry.uid = entry.gid = _OWNER
                entry.type, entry.mode = (tarfile.DIRTYPE, 0o755) if part == directory else (tarfile.REGTYPE, 0o644)
                content = b"" if part == directory else json.dumps(dict(document)).encode()
                entry.size = len(content)
                archive.addfile(entry, io.BytesIO(content))
        try:
            self._api.put_archive(self._container, MOUNT, buffer.getvalue())
        except (DockerException, requests.RequestException) as error:
            raise UnreachableError(str(error)) from None

    def read(self, path: str) -> list[dict[str, Any]]:
        """Return a file's document, or those of all files in a directory; [] where there is none that can be read."""
        import requests
        from docker.errors import DockerException

        try:
            stream, _ = self._api.get_archive(self._container, f"{MOUNT}/{path}")
            content = b"".join(stream)
        except (DockerException, requests.RequestException):
            return []
        with tarfile.open(fileobj=io.BytesIO(content)) as archive:
            return list(_documents(archive))


def _documents(archive: tarfile.TarFile) -> Iterator[dict[str, Any]]:
    for entry in archive:
        file = archive.extractfile(entry) if entry.name.endswith(".json") else None
        try:
            document = json.loads(file.read()) if file else None
        except ValueError:
            # It is being written.
            continue
        if isinstance(document, dict):
            yield document


def _is_there(api: "docker.APIClient", container: str) -> bool:
    import requests
    from docker.errors import APIError

    try:
        api.inspect_container(container)
    except (APIError, requests.RequestException):
        return False
    return True
