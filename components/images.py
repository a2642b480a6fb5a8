"""The one place that knows image references: upstream ones, pinned, and local ones, named by the hash of what made them.

Nothing here talks to an engine: a local image is unchanged when its reference is, and a preview needs no build.
Upstream references are pinned by tag only, for no registry could be asked for their digests when they were written.
"""

import hashlib
import json
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from components.apt import Mirrors, machine_mirrors

ROOT = Path(__file__).resolve().parent.parent
CERTIFICATES = Path("/usr/local/share/ca-certificates")
NAMESPACE = "ai-karen-db"

SERVICES = ("postgres", "redis", "elasticsearch", "etcd", "minio", "milvus", "toolbox", "proxy")

UPSTREAM: Mapping[str, str] = {
    "postgres": "pgvector/pgvector:0.8.0-pg17",
    "redis": "redis:8.0.2",
    "elasticsearch": "docker.elastic.co/elasticsearch/elasticsearch:9.4.3",
    "etcd": "quay.io/coreos/etcd:v3.5.16",
    "minio": "minio/minio:RELEASE.2025-09-07T16-13-09Z",
    "milvus": "milvusdb/milvus:v2.3.5",
    "proxy": "haproxy:3.0.11",
}
# What the toolbox stands on where a registry is in reach. Same Debian and same Python as the local base.
UPSTREAM_PYTHON = "python:3.13-slim-trixie"

# What ends a local tag.
_HASH = re.compile(r"-[0-9a-f]{12}$")

# How mmdebstrap makes the file system below the base; part of its hash, so that a changed recipe is a new image.
ROOTFS_OPTIONS = (
    "--variant=minbase",
    "--include=ca-certificates",
    "--dpkgopt=path-exclude=/usr/share/doc/*",
    "--dpkgopt=path-include=/usr/share/doc/*/copyright",
    "--dpkgopt=path-exclude=/usr/share/info/*",
    "--dpkgopt=path-exclude=/usr/share/locale/*",
    "--dpkgopt=path-exclude=/usr/share/man/*",
)

# The packages that the toolbox runs.
_IN_TOOLBOX = ("init", "monitor", "backup", "database")
# Parts of init/ that the toolbox runs nothing of: its work arrives on standard input, its providers run on the host.
_NOT_IN_TOOLBOX = ("init/data/", "init/resources/")


@dataclass(frozen=True, kw_only=True)
class File:
    """One file of a build context; `path` is relative and uses slashes."""

    path: str
    content: bytes
    executable: bool


def _versions() -> Mapping[str, str]:
    """Return the version of each local image, the readable half of its tag, as the file beside the recipes has it."""
    found: dict[str, str] = json.loads((_recipes() / "versions.json").read_text(encoding="utf-8"))
    return found


def _recipes() -> Path:
    """Return where the recipes are: `images/`, or the directory that KAREN_IMAGES names, as to try another major version."""
    return Path(os.environ.get("KAREN_IMAGES") or ROOT / "images")


def needed(*, proxy: bool) -> tuple[str, ...]:
    """Return the services whose images a stack runs; the `proxy` is that of monitoring, and of Milvus in production."""
    return tuple(service for service in SERVICES if proxy or service != "proxy")


def version(service: str, source: str) -> str:
    """Return the version of a server as its image's reference tells it, the major one at least: `17`, `9.4.3`, `2026-02-12`."""
    if source == "build" or service not in UPSTREAM:
        return _versions()[service]
    return tagged_version(UPSTREAM[service].rpartition(":")[2])


def tagged_version(tag: str) -> str:
    """Return the server's version in an image's tag: `17` of `0.8.0-pg17`, and of `17-4d32d2894f4e`."""
    # pgvector's tags have its own version first.
    told = tag.rpartition("-pg")[2].removeprefix("RELEASE.").removeprefix("v").partition("T")[0]
    return _HASH.sub("", told)


@cache
def reference(service: str, source: str) -> str:
    """Return the image of a service for `source`, which is `registry` or `build`, as its files were at the first call."""
    if source not in ("registry", "build"):
        raise ValueError(f"imageSource is {source!r}: it is either 'registry' or 'build'")
    if service not in (*SERVICES, "base"):
        raise ValueError(f"there is no image for {service!r}: known are {', '.join(SERVICES)}")
    if source == "registry" and service in UPSTREAM:
        return UPSTREAM[service]
    if service == "base":
        return _local("base", [rootfs_reference(source), *_lines(context("base"))])
    return _local(service, [reference("base", source), *_lines(context(service))])


def rootfs_reference(source: str) -> str:
    """Return what the base is built on: a Debian made from this machine's mirror, or the upstream Python image."""
    if source == "registry":
        return UPSTREAM_PYTHON
    return _local("debian", [*ROOTFS_OPTIONS, *machine_mirrors().lines()])


def mirrors() -> Mirrors:
    """Return the Debian mirrors that local images are built from."""
    return machine_mirrors()


def context(service: str) -> tuple[File, ...]:
    """Return the build context of a service, sorted by path."""
    directory = _recipes() / service
    found = list(_files(directory, ""))
    if service == "base":
        found += _files(CERTIFICATES, "certificates/", suffix=".crt", flat=True)
    if service == "toolbox":
        code = (file for package in _IN_TOOLBOX for file in _files(ROOT / package, f"{package}/", suffix=".py"))
        found += (file for file in code if not file.path.startswith(_NOT_IN_TOOLBOX))
    return tuple(sorted(found, key=lambda file: file.path))


def directory_context(directory: Path) -> tuple[File, ...]:
    """Return the build context of any directory, sorted by path."""
    return tuple(sorted(_files(directory, ""), key=lambda file: file.path))


def _digest(entries: list[str]) -> str:
    """Return the short hash that ends a local tag."""
    return hashlib.sha256("\n".join(entries).encode()).hexdigest()[:12]


def _local(service: str, entries: list[str]) -> str:
    return f"{NAMESPACE}/{service}:{_versions()[service]}-{_digest(entries)}"


def _lines(found: tuple[File, ...]) -> list[str]:
    """Return one line a file with all that reaches the build: path, executable or not, content."""
    return [f"{file.path} {file.executable:d} {hashlib.sha256(file.content).hexdigest()}" for file in found]


def _files(directory: Path, prefix: str, *, suffix: str = "", flat: bool = False) -> Iterator[File]:
    """Read a directory's files; compiled Python and hidden files are no source. `flat` drops subdirectories' names."""
    for path in sorted(directory.rglob(f"*{suffix}")):
        relative = path.relative_to(directory)
        hidden = any(part.startswith(".") or part == "__pycache__" for part in relative.parts)
        if hidden or not path.is_file():
            continue
        name = "-".join(relative.parts) if flat else relative.as_posix()
        yield File(path=prefix + name, content=path.read_bytes(), executable=bool(path.stat().st_mode & 0o100))
