"""The file system below the base image: a minimal Debian made from this machine's own mirror, with no registry involved."""

import os
import shutil
import tempfile
from pathlib import Path

import docker

from bootstrap.console import StepError, run, say
from bootstrap.engine import apt_install
from components.apt import SUITE
from components.images import ROOTFS_OPTIONS, mirrors

_STEP = "base"


def make_rootfs(name: str) -> None:
    """Make the file system and import it into the engine as `name`; StepError with the fix if it cannot be."""
    if shutil.which("mmdebstrap") is None:
        apt_install(
            _STEP, ["mmdebstrap"], why="mmdebstrap is installed: it makes the Debian that local images stand on"
        )
    sources = mirrors()
    with tempfile.TemporaryDirectory(prefix="rootfs-") as directory:
        archive = Path(directory) / "rootfs.tar"
        # Other users' processes may be the ones that write here, without root.
        Path(directory).chmod(0o755 if os.geteuid() == 0 else 0o777)
        run(
            _STEP,
            ["mmdebstrap", *ROOTFS_OPTIONS, SUITE, str(archive), *sources.lines()],
            why=f"Debian {SUITE} is made from {sources.main}",
            fix=_fix(sources.main),
        )
        _import(archive, name)


def _fix(mirror: str) -> str:
    root = "" if os.geteuid() == 0 else "; without root, mmdebstrap needs the package uidmap and entries in /etc/subuid"
    return f"check that {mirror} can be reached and has {SUITE}{root}; then run make images again"


def _import(archive: Path, name: str) -> None:
    repository, _, tag = name.rpartition(":")
    client = docker.from_env(timeout=600)
    try:
        client.api.import_image_from_file(str(archive), repository=repository, tag=tag)
        if not client.api.images(name=name):
            raise StepError(
                f"{_STEP}: the engine did not take the image {name}. Fix: check its log and its free disk space"
            )
    finally:
        client.close()
    say(_STEP, f"{tag} imported")
