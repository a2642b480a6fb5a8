"""The official Pulumi release, where it can be downloaded; checked against the checksums published with it."""

import hashlib
import http.client
import io
import platform
import ssl
import tarfile
import urllib.error
import urllib.request
from functools import cache
from pathlib import Path

from bootstrap.console import say

_STEP = "Pulumi"
_HOST = "get.pulumi.com"
_RELEASES = "https://github.com/pulumi/pulumi/releases/download"
_PROBE_SECONDS = 4
_MACHINES = {"x86_64": "x64", "aarch64": "arm64", "arm64": "arm64"}


@cache
def reachable() -> bool:
    """Whether the download host answers."""
    connection = http.client.HTTPSConnection(_HOST, timeout=_PROBE_SECONDS, context=ssl.create_default_context())
    try:
        connection.request("HEAD", "/")
        return connection.getresponse().status < 400
    except OSError:
        return False
    finally:
        connection.close()


def install(version: str, directory: Path) -> bool:
    """Download and unpack the release; False, with a line that says why, where that is not possible."""
    machine = _MACHINES.get(platform.machine())
    if machine is None or not reachable():
        say(_STEP, "no release can be downloaded here, so the tools are built from their pinned modules")
        return False
    name = f"pulumi-v{version}-{platform.system().lower()}-{machine}.tar.gz"
    try:
        say(_STEP, f"the official release {version} is downloaded")
        sums = _fetch(f"{_RELEASES}/v{version}/pulumi-{version}-checksums.txt").decode()
        archive = _fetch(f"https://{_HOST}/releases/sdk/{name}")
    except (urllib.error.URLError, OSError) as error:
        say(_STEP, f"the release could not be downloaded ({error}), so the tools are built from their pinned modules")
        return False
    if f"{hashlib.sha256(archive).hexdigest()}  {name}" not in sums:
        say(_STEP, f"{name} does not match its published checksum and is not used")
        return False
    directory.mkdir(parents=True, exist_ok=True)
    with tarfile.open(fileobj=io.BytesIO(archive)) as packed:
        # The CLI comes last: where it is, the others are whole.
        members = sorted(
            (one for one in packed.getmembers() if one.isfile()), key=lambda one: one.name.endswith("/pulumi")
        )
        for member in members:
            source = packed.extractfile(member)
            assert source is not None
            partial = directory / f".{Path(member.name).name}.partial"
            partial.write_bytes(source.read())
            partial.chmod(0o755)
            partial.rename(directory / Path(member.name).name)
    return True


def _fetch(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=120) as answer:  # noqa: S310 - https, from constants above
        content: bytes = answer.read()
    return content
