"""`HostDirectory`: a directory of this host that stands in for a volume, so that applications can open what is in it."""

import os
import shutil
import uuid
from pathlib import Path
from typing import Any

import pulumi
from pulumi.dynamic import ReadResult, Resource

from init.resources.provider import Provider


class HostDirectoryProvider(Provider):
    """Makes the directory for the user who runs Pulumi, and removes it with what is in it: destroying dev is its reset."""

    kind = "host-directory"

    def apply(self, props: dict[str, Any]) -> dict[str, Any]:
        """Create the directory where it is missing; a new one gets a new marker."""
        path = Path(props["path"])
        path.mkdir(parents=True, exist_ok=True, mode=0o755)
        return {"marker": uuid.uuid4().hex}

    def read(self, id_: str, props: dict[str, Any]) -> ReadResult:
        """Forget the path when the directory is gone, so that the next update makes it again."""
        return ReadResult(id_, props if Path(props["path"]).is_dir() else {**props, "path": ""})

    def delete(self, _id: str, props: dict[str, Any]) -> None:
        """Remove the directory; one that is gone already is fine."""
        shutil.rmtree(props["path"], ignore_errors=not os.path.exists(props["path"]))


class HostDirectory(Resource, module="karen", name="HostDirectory"):
    """A directory of this host; `marker` changes when it was made anew."""

    path: pulumi.Output[str]
    marker: pulumi.Output[str]

    def __init__(
        self, name: str, *, stack: str, service: str, path: str, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        props = {"stack": stack, "service": service, "path": path, "marker": None}
        super().__init__(HostDirectoryProvider(), name, props, opts)
