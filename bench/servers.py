"""Servers that are measured without a stack around them."""

import tarfile
import tempfile
from pathlib import Path

from docker.models.containers import Container


def put(server: Container, file: Path) -> str:
    """Copy a file into a container, readable by everyone, and return where it is there."""
    with tempfile.TemporaryFile() as packed:
        with tarfile.open(fileobj=packed, mode="w") as archive:
            entry = archive.gettarinfo(str(file), arcname=file.name)
            entry.mode = 0o444
            with file.open("rb") as content:
                archive.addfile(entry, content)
        packed.seek(0)
        assert server.put_archive("/tmp", packed)  # noqa: S108 - a path inside the container
    return f"/tmp/{file.name}"  # noqa: S108
