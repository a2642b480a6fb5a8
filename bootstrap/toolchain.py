"""The Pulumi tools built in a container from pinned Go modules, and copied out of the image."""

import io
import shutil
import tarfile
from contextlib import closing
from pathlib import Path

import docker

from bootstrap import images, places
from bootstrap.console import say

_STEP = "Pulumi"
_BUILD_STAGE = "com.ai-karen.toolchain=build"
_PROGRAMS = ("pulumi-language-python", "pulumi-language-python-exec", "pulumi-resource-pulumi-python", "pulumi")
_PLUGINS = ("pulumi-resource-docker", "pulumi-resource-random")


def install(source: str) -> None:
    """Build what is not built yet, which takes minutes, and copy programs and plugins out."""
    say(_STEP, "the toolchain is built from its pinned modules: that takes minutes, once per machine")
    image = images.build_toolchain(places.CHECKOUT / "toolchain", source)
    with closing(docker.from_env(timeout=600)) as client:
        container = client.api.create_container(image)["Id"]
        try:
            for directory, names in ((places.built_plugins(), _PLUGINS), (places.tools(), _PROGRAMS)):
                directory.mkdir(parents=True, exist_ok=True)
                for name in names:
                    _copy(client, container, name, directory)
        finally:
            client.api.remove_container(container, force=True)
        client.images.prune(filters={"dangling": True, "label": _BUILD_STAGE})
    say(_STEP, f"built, in {places.tools()}")


def _copy(client: docker.DockerClient, container: str, name: str, directory: Path) -> None:
    """Copy one file out, whole or not at all."""
    chunks, _ = client.api.get_archive(container, f"/{name}")
    partial = directory / f".{name}.partial"
    with tarfile.open(fileobj=io.BytesIO(b"".join(chunks))) as packed:
        source = packed.extractfile(name)
        assert source is not None
        with partial.open("wb") as target:
            shutil.copyfileobj(source, target)
    partial.chmod(0o755)
    partial.rename(directory / name)
