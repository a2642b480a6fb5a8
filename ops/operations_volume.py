"""The operations volume, read and written from outside: through the monitor's container, whether that runs or not."""

import io
import json
import tarfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from components.naming import Naming
from ops.engine_errors import engine_errors, told

if TYPE_CHECKING:
    import docker

MOUNT = "/operations"
# The monitor's user, who removes what is over.
_OWNER = 10001
_TIMEOUT_SECONDS = 10


class MaintenanceError(Exception):
    """Nobody may work on services now; the message says why, and what to do."""


class UnreachableError(MaintenanceError):
    """The volume could be neither read nor written, so that the monitor cannot be told, nor asked who else works."""

    def __init__(self, error: Exception) -> None:
        super().__init__(f"The monitor could not be told: {told(error)}. Fix: ./karen doctor")


class OperationsVolume:
    """One stack's volume. Files are JSON documents; paths are relative to it."""

    def __init__(self, api: "docker.APIClient", container: str) -> None:
        self._api = api
        self._container = container

    @classmethod
    @contextmanager
    def of(cls, stack: str) -> Iterator["OperationsVolume | None"]:
        """Open a stack's volume; None for one without a monitor. UnreachableError if the engine does not tell which it is."""
        import docker

        container = Naming(stack=stack).container("monitor")
        try:
            client = docker.from_env(timeout=_TIMEOUT_SECONDS)
        except engine_errors() as error:
            raise UnreachableError(error) from None
        try:
            yield cls(client.api, container) if _is_there(client.api, container) else None
        finally:
            client.close()

    def write(self, path: str, document: Mapping[str, Any]) -> None:
        """Write a file, and the directory that it is in; UnreachableError if that cannot be."""
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
        except engine_errors() as error:
            raise UnreachableError(error) from None

    def read(self, path: str) -> list[dict[str, Any]]:
        """Return a file's document, or those of all files in a directory; [] where there is none. UnreachableError otherwise."""
        from docker.errors import NotFound

        try:
            stream, _ = self._api.get_archive(self._container, f"{MOUNT}/{path}")
            content = b"".join(stream)
        except NotFound:
            return []
        except engine_errors() as error:
            raise UnreachableError(error) from None
        try:
            with tarfile.open(fileobj=io.BytesIO(content)) as archive:
                return list(_documents(archive))
        except tarfile.TarError as error:
            raise UnreachableError(error) from None


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
    from docker.errors import NotFound

    try:
        api.inspect_container(container)
    except NotFound:
        return False
    except engine_errors() as error:
        # Nobody may work unseen because the engine was slow to answer.
        raise UnreachableError(error) from None
    return True
