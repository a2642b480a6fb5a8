"""A real stack of this project, driven through the Pulumi CLI as a user would."""

import json
import shutil
import subprocess
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import docker
import yaml
from docker.errors import NotFound

from bootstrap import places, state
from bootstrap.leftovers import find, remove
from components.images import reference
from components.machine import generation_file
from components.urls import database_url

TEST_PORTS = {
    "postgresPort": "25432",
    "redisPort": "26379",
    "elasticsearchPort": "29200",
    "minioPort": "29000",
    "minioConsolePort": "29001",
    "milvusPort": "29530",
    "relayPort": "29465",
}
# Below 32768, where the ports of connections begin. For a second stack without Elasticsearch, Milvus and MinIO, beside the one that all tests share.
PORTS_BESIDE = {"postgresPort": "31432", "redisPort": "31379"}
SMALL = {
    "postgresMemory": "256m",
    "postgresMaxConnections": "20",
    "redisMemory": "64m",
    "elasticsearchHeap": "256m",
    "elasticsearchMemory": "1g",
    "etcdMemory": "128m",
    "minioMemory": "512m",
    "milvusMemory": "1g",
}
_POSTGRES_DATA = "/var/lib/postgresql/data"
SERVICES_OFF = {"enableElasticsearch": "false", "enableMilvus": "false", "enableMinio": "false"}


@dataclass
class LiveStack:
    """One stack with its configuration file; `up` and the rest return what Pulumi printed and raise if it failed."""

    name: str
    settings: dict[str, str] = field(default_factory=lambda: {**TEST_PORTS, **SMALL, "imageSource": "build"})
    initialized_meanwhile: set[str] = field(default_factory=set)

    @property
    def file(self) -> Path:
        return places.CHECKOUT / f"Pulumi.{self.name}.yaml"

    @property
    def environment(self) -> dict[str, str]:
        return places.pulumi_environment(self.name, development=True)

    def configure(self, **changes: str | None) -> None:
        """Write the configuration file, keeping its salt; None removes a key."""
        for key, value in changes.items():
            self.settings.pop(key, None)
            if value is not None:
                self.settings[key] = value
        kept = yaml.safe_load(self.file.read_text()) if self.file.exists() else {}
        document = {**(kept or {}), "config": {f"ai-karen-db:{key}": value for key, value in self.settings.items()}}
        self.file.write_text(yaml.safe_dump(document))

    def pulumi(self, *arguments: str, check: bool = True, timeout: float = 420) -> "subprocess.CompletedProcess[str]":
        pulumi = shutil.which("pulumi", path=self.environment["PATH"])
        assert pulumi is not None, "Pulumi is not installed: make bootstrap"
        done = subprocess.run(
            [pulumi, *arguments, "--stack", self.name, "--non-interactive"],
            env=self.environment,
            cwd=places.CHECKOUT,
            capture_output=True,
            text=True,
            check=False,
            timeout=timeout,
        )
        if check:
            assert done.returncode == 0, f"pulumi {' '.join(arguments)}:\n{done.stdout[-6000:]}\n{done.stderr[-2000:]}"
        return done

    def begin(self, *arguments: str) -> "subprocess.Popen[bytes]":
        """Start an `up` and return at once; its output goes nowhere."""
        pulumi = shutil.which("pulumi", path=self.environment["PATH"])
        assert pulumi is not None, "Pulumi is not installed: make bootstrap"
        return subprocess.Popen(
            [pulumi, "up", "--yes", "--skip-preview", *arguments, "--stack", self.name, "--non-interactive"],
            env=self.environment,
            cwd=places.CHECKOUT,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def create(self) -> None:
        self.erase()
        self.configure()
        self.pulumi("stack", "init", "--no-select")

    def up(self, *arguments: str, check: bool = True) -> "subprocess.CompletedProcess[str]":
        return self.pulumi("up", "--yes", "--skip-preview", *arguments, check=check)

    def outputs(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.pulumi("stack", "output", "--json", "--show-secrets").stdout)
        return found

    def variables(self) -> dict[str, str]:
        """Return the host form of the application's environment."""
        found: dict[str, str] = self.outputs()["env"]["host"]
        return found

    def administrators(self) -> dict[str, str]:
        """Return the same with the engines' administrators in the application's place, as no application has them."""
        outputs = self.outputs()
        found, engines = dict(outputs["env"]["host"]), outputs["operations"]["verification"]["engines"]
        postgres = engines["postgres"]
        found |= {"POSTGRES_USER": postgres["user"], "POSTGRES_PASSWORD": postgres["password"]}
        address = (found["POSTGRES_HOST"], int(found["POSTGRES_PORT"]), postgres["database"])
        found["DATABASE_URL"] = database_url("postgresql", postgres["user"], postgres["password"], *address)
        if cache := engines.get("redis"):
            found |= {"REDIS_USER": cache["username"], "REDIS_PASSWORD": cache["password"]}
        if search := engines.get("elasticsearch"):
            found |= {"ELASTICSEARCH_USER": search["user"], "ELASTICSEARCH_PASSWORD": search["password"]}
        if storage := engines.get("minio"):
            found |= {"MINIO_ACCESS_KEY": storage["access_key"], "MINIO_SECRET_KEY": storage["secret_key"]}
        return found

    def container(self, service: str) -> str:
        return f"ai-karen-{self.name}-{service}"

    def mark_postgres(self, version: str) -> None:
        """Take PostgreSQL's container away and write the version of its data; the server refuses any but its own."""
        client = docker.from_env()
        try:
            with suppress(NotFound):
                client.containers.get(self.container("postgres")).remove(force=True)
            client.containers.run(
                reference("postgres", "build"),
                ["-c", f"echo {version} > {_POSTGRES_DATA}/pgdata/PG_VERSION"],
                entrypoint="sh",
                volumes={f"ai-karen-{self.name}-postgres-data": {"bind": _POSTGRES_DATA, "mode": "rw"}},
                remove=True,
            )
        finally:
            client.close()

    def on_engine(self) -> dict[str, list[str]]:
        """Return every container, network and volume with this stack's label."""
        client = docker.from_env()
        try:
            return find(client, self.name)
        finally:
            client.close()

    def erase(self) -> None:
        """Leave nothing, whatever state the stack is in; nobody waits for servers to end in order, as `destroy` does."""
        if state.stack_file(self.name).exists():
            self.pulumi("cancel", "--yes", check=False)
        client = docker.from_env()
        try:
            remove(client, find(client, self.name))
        finally:
            client.close()
        if state.stack_file(self.name).exists():
            self.pulumi("stack", "rm", "--yes", "--force", "--preserve-config", check=False)
        shutil.rmtree(places.home() / "data" / self.name, ignore_errors=True)
        self.file.unlink(missing_ok=True)
        generation_file(self.name).unlink(missing_ok=True)


def healthy(container: str, *, within: float = 90) -> None:
    """Wait until a container is healthy; AssertionError if it is not in time."""
    client = docker.from_env()
    deadline = time.monotonic() + within
    try:
        while time.monotonic() < deadline:
            health = client.api.inspect_container(container)["State"].get("Health", {}).get("Status")
            if health == "healthy":
                return
            time.sleep(0.2)
    finally:
        client.close()
    raise AssertionError(f"{container} was not healthy within {within} s")
