"""Docker Compose v2 as a peer: the same images, commands, limits, health checks and intervals, and no initialization."""

import io
import json
import shutil
import subprocess
import tarfile
from pathlib import Path
from typing import Any

import docker

from bootstrap import images, places
from components.images import File

_BINARY = "/usr/libexec/docker/cli-plugins/docker-compose"
_DOCKERFILE = f"""ARG BASE
FROM ${{BASE}}
RUN apt-get update && apt-get install -y --no-install-recommends docker-compose && cp {_BINARY} /docker-compose
"""


def binary() -> Path:
    """Return Compose: the one on PATH, else Debian's, taken out of a package in a container."""
    found = shutil.which("docker-compose")
    if found:
        return Path(found)
    kept = places.home() / "bench" / "docker-compose"
    if not kept.exists():
        kept.parent.mkdir(parents=True, exist_ok=True)
        files = (File(path="Dockerfile", content=_DOCKERFILE.encode(), executable=False),)
        images.build_other("Compose", "ai-karen-db/compose:bench", files, "build")
        _copy_out("ai-karen-db/compose:bench", "/docker-compose", kept)
    return kept


def _copy_out(image: str, path: str, target: Path) -> None:
    client = docker.from_env(timeout=300)
    container = client.api.create_container(image, command="true")["Id"]
    try:
        chunks, _ = client.api.get_archive(container, path)
        with tarfile.open(fileobj=io.BytesIO(b"".join(chunks))) as packed:
            source = packed.extractfile(Path(path).name)
            assert source is not None
            target.write_bytes(source.read())
        target.chmod(0o755)
    finally:
        client.api.remove_container(container, force=True, v=True)
        client.close()


def document(containers: list[dict[str, Any]]) -> dict[str, Any]:
    """Return a Compose file with the same services as the containers of a stack (their inspected definitions)."""
    services: dict[str, Any] = {}
    volumes: dict[str, Any] = {}
    for facts in containers:
        name = facts["Config"]["Hostname"]
        check = facts["Config"]["Healthcheck"]
        mounts = [mount for mount in facts["Mounts"] if mount["Type"] == "volume"]
        services[name] = {
            "image": facts["Config"]["Image"],
            "user": facts["Config"]["User"],
            "command": [part.replace("$", "$$") for part in facts["Config"]["Cmd"] or []] or None,
            "environment": [entry.replace("$", "$$") for entry in facts["Config"]["Env"]],
            "mem_limit": facts["HostConfig"]["Memory"],
            "cpus": facts["HostConfig"]["NanoCpus"] / 1e9,
            "healthcheck": {
                "test": [part.replace("$", "$$") for part in check["Test"]],
                **{key: f"{check[field]}ns" for key, field in _CHECK_TIMES.items()},
                "retries": check["Retries"],
            },
            "volumes": [
                # Data volumes are new and empty; the secrets volume is the stack's own, read-only.
                f"{mount['Name'] if not mount['RW'] else name + '-data'}:{mount['Destination']}{'' if mount['RW'] else ':ro'}"
                for mount in mounts
            ],
            "depends_on": {one: {"condition": "service_healthy"} for one in _NEEDS.get(name, ())},
        }
        volumes.update({mount["Name"]: {"external": True} for mount in mounts if not mount["RW"]})
        volumes[f"{name}-data"] = {}
    return {"name": "ai-karen-bench", "services": services, "volumes": volumes}


_CHECK_TIMES = {"interval": "Interval", "timeout": "Timeout", "start_period": "StartPeriod"}
_NEEDS = {"milvus": ("etcd", "minio")}


def up(file: Path) -> None:
    """Bring the services up and wait until all are healthy."""
    subprocess.run([binary(), "-f", file, "up", "-d", "--wait"], check=True, capture_output=True)


def down(file: Path) -> None:
    """Remove the services with their new volumes."""
    subprocess.run([binary(), "-f", file, "down", "--volumes"], check=True, capture_output=True)


def write(file: Path, stack: str) -> None:
    """Write the Compose file of a running stack's containers."""
    client = docker.from_env()
    try:
        labelled = client.api.containers(filters={"label": f"com.ai-karen.stack={stack}"})
        facts = [client.api.inspect_container(one["Id"]) for one in labelled]
    finally:
        client.close()
    file.write_text(json.dumps(document(facts)))
