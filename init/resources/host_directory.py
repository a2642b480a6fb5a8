"""`HostDirectory`: a directory of this host that stands in for a volume, so that applications can open what is in it."""

import shutil
import uuid
from pathlib import Path
from typing import Any

import pulumi
from pulumi.dynamic import ReadResult, Resource

from init.resources.provider import Provider

# Written into the directory when it is made: only a directory with this stack's mark is ever removed.
_MARK = ".ai-karen-db"


def is_foreign(path: Path, stack: str) -> bool:
    """Whether a path holds something that this stack did not put there: it must not become the stack's, nor be removed."""
    if not path.exists():
        return False
    if not path.is_dir():
        return True
    mark = path / _MARK
    return mark.read_text(encoding="utf-8").strip() != stack if mark.is_file() else any(path.iterdir())


class HostDirectoryProvider(Provider):
    """Makes the directory for the user who runs Pulumi, and removes it with what is in it: destroying dev is its reset."""

    kind = "host-directory"

    def apply(self, props: dict[str, Any]) -> dict[str, Any]:
        """Create the directory where it is missing; a new one gets a new marker. One that holds other things is refused."""
        path = Path(props["path"])
        if is_foreign(path, props["stack"]):
            raise ValueError(
                f"{path} holds other things. Fix: pulumi config set ai-karen-db:duckdbHostDirectory <new path>"
            )
        path.mkdir(parents=True, exist_ok=True, mode=0o755)
        (path / _MARK).write_text(props["stack"] + "\n", encoding="utf-8")
        return {"marker": uuid.uuid4().hex}

    def read(self, id_: str, props: dict[str, Any]) -> ReadResult:
        """Forget the path when the directory is gone, so that the next update makes it again."""
        return ReadResult(id_, props if Path(props["path"]).is_dir() else {**props, "path": ""})

    def delete(self, _id: str, props: dict[str, Any]) -> None:
        """Remove the directory if it is this stack's; one that is gone already is fine."""
        path = Path(props["path"])
        if (path / _MARK).is_file() and not is_foreign(path, props["stack"]):
            shutil.rmtree(path)


class HostDirectory(Resource, module="karen", name="HostDirectory"):
    """A directory of this host; `marker` changes when it was made anew."""

    path: pulumi.Output[str]
    marker: pulumi.Output[str]

    def __init__(
        self, name: str, *, stack: str, service: str, path: str, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        props = {"stack": stack, "service": service, "path": path, "marker": None}
        super().__init__(HostDirectoryProvider(), name, props, opts)
