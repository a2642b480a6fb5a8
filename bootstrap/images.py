"""The images this machine needs: built when their content is new, left alone when it is not.

On its own: `python -m bootstrap.images [--source build|registry] [service …]`.
"""

import argparse
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

import docker

from bootstrap.builder import ImageBuild
from bootstrap.console import StepError, say
from bootstrap.rootfs import make_rootfs
from components.images import SERVICES, File, context, directory_context, reference, rootfs_reference

_STEP = "images"
TOOLCHAIN = "ai-karen-db/toolchain:latest"


# Two at a time: one compiles while another downloads. The longest are started first.
_WORKERS = 2
_LONGEST_FIRST = ("minio", "elasticsearch", "toolbox", "milvus", "postgres", "etcd", "redis", "proxy")


def build(source: str, services: Sequence[str] = ()) -> None:
    """Build what is missing, by default every image of the source: for `registry` that is the toolbox alone."""
    own = SERVICES if source == "build" else ("toolbox",)
    if unknown := sorted(set(services) - set(own)):
        raise StepError(
            f"{_STEP}: {', '.join(unknown)} cannot be built for the source {source}. Fix: name any of {', '.join(own)}"
        )
    wanted = {service: reference(service, source) for service in services or own}
    present = _present()
    missing = [service for service in _LONGEST_FIRST if service in wanted and wanted[service] not in present]
    if services or missing:
        for service, name in wanted.items():
            say(
                f"image {service}", f"{name.rpartition(':')[2]} {'is to be built' if service in missing else 'present'}"
            )
    if not missing:
        say(_STEP, f"{len(wanted)} present, none to build")
        return
    base = ensure_base(source)
    with ThreadPoolExecutor(max_workers=_WORKERS) as pool:
        builds = [pool.submit(_build, f"image {name}", wanted[name], context(name), BASE=base) for name in missing]
        try:
            for finished in as_completed(builds):
                finished.result()
        except BaseException:
            # What runs is finished, and kept; what waits is not begun.
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def build_toolchain(directory: Path, source: str) -> str:
    """Build the image that holds the Pulumi tools, and return its reference."""
    build_other("Pulumi", TOOLCHAIN, directory_context(directory), source)
    return TOOLCHAIN


def build_other(label: str, name: str, files: tuple[File, ...], source: str) -> None:
    """Build an image that no stack uses, on the same base."""
    _build(label, name, files, BASE=ensure_base(source))


def ensure_base(source: str) -> str:
    """Return the base image's reference, once it is there: a minimal Debian with this machine's authorities."""
    present = _present()
    base, rootfs = reference("base", source), rootfs_reference(source)
    if base not in present:
        if source == "build" and rootfs not in present:
            make_rootfs(rootfs)
        _build("image base", base, context("base"), ROOTFS=rootfs)
    return base


def _build(label: str, name: str, files: tuple[File, ...], **arguments: str) -> None:
    ImageBuild(label=label, name=name, files=files, arguments=arguments).run()


def _present() -> set[str]:
    client = docker.from_env(timeout=30)
    try:
        return {tag for image in client.api.images() for tag in image.get("RepoTags") or ()}
    finally:
        client.close()


def main() -> None:
    """Build the images named, or all that the source needs."""
    parser = argparse.ArgumentParser(
        prog="python -m bootstrap.images", description="Build the images that are missing."
    )
    parser.add_argument("services", nargs="*", metavar="service", help=f"any of {', '.join(SERVICES)} (default: all)")
    parser.add_argument("--source", choices=["build", "registry"], default="build", help="where images come from")
    options = parser.parse_args()
    try:
        build(options.source, options.services)
    except StepError as error:
        raise SystemExit(f"\n{error}") from None
    except KeyboardInterrupt:
        raise SystemExit("\nInterrupted. Run the same command again: it goes on where it stopped.") from None


if __name__ == "__main__":
    main()
