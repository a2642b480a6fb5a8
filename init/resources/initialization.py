"""`Initialization`: one engine brought to the schema its files describe, once its container is healthy."""

import time
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pulumi
from pulumi.dynamic import CheckFailure, CheckResult, ReadResult, Resource

from init.migrations import MigrationsInvalid, load, pending
from init.resources.messages import say
from init.resources.provider import Provider, is_known
from init.resources.seeds import load_seeds, seeds_checksum

DATA = Path(__file__).parent.parent / "data"
_DEADLINE_SECONDS = 300.0


class InitializationProvider(Provider):
    """Checks the files before anything is touched; then waits for health and hands the files to a job in the network."""

    kind = "initialization"

    def check(self, olds: dict[str, Any], news: dict[str, Any]) -> CheckResult:
        """Refuse bad or edited migrations, and print those that are pending, so that a preview shows them."""
        try:
            files = load(DATA / news["service"])
        except MigrationsInvalid as error:
            return CheckResult(news, [CheckFailure("migrations", str(problem)) for problem in error.problems])
        recorded = olds.get("migrations") if is_known(olds.get("migrations")) else None
        plan = pending(recorded or {}, files)
        for migration in plan.pending:
            say(f"{news['service']}: migration {migration.name} is pending")
        return CheckResult(news, [CheckFailure("migrations", str(problem)) for problem in plan.problems])

    def apply(self, props: dict[str, Any]) -> dict[str, Any]:
        """Start the job (it imports its client library meanwhile), wait for the container, then run the migrations."""
        from init.resources.gate import wait_until_healthy
        from init.resources.job import Job, JobSpec

        spec = JobSpec(
            stack=props["stack"],
            name=props["service"],
            image=props["image"],
            user=props["user"],
            network=props["network"],
            volumes=props["volumes"],
            deadline_seconds=_DEADLINE_SECONDS,
        )
        files = load(DATA / props["service"])
        with Job(spec) as job:
            if props["container"]:
                wait_until_healthy(props["container"], deadline_seconds=_DEADLINE_SECONDS)
            healthy_at = time.time()
            result = job.run(
                {
                    "protocol": 1,
                    "action": "migrate",
                    "engine": props["service"],
                    "connection": props["connection"],
                    "migrations": [
                        {"name": f.name, "suffix": f.suffix, "checksum": f.checksum, "body": f.body} for f in files
                    ],
                    "seeds": load_seeds(DATA / "seed"),
                }
            )
        return {
            "schema_version": result["schema_version"],
            "server_version": result["server_version"],
            "healthy_at": healthy_at,
            "run": uuid.uuid4().hex,
        }

    def read(self, id_: str, props: dict[str, Any]) -> ReadResult:
        """Forget what was initialized when it is gone, so that the next update does it again; raises if unreachable."""
        import docker
        from docker.errors import NotFound

        client = docker.from_env()
        try:
            if props["container"]:
                client.api.inspect_container(props["container"])
            for volume in props["volumes"].values():
                client.api.inspect_volume(volume)
            found = not props["host_file"] or Path(props["host_file"]).exists()
        except NotFound:
            found = False
        finally:
            client.close()
        return ReadResult(id_, props if found else {**props, "identity": "gone"})

    def delete(self, _id: str, props: dict[str, Any]) -> None:
        """Leave the data to its volume and ask no server; remove jobs that an interrupted run left."""
        from init.resources.job import sweep

        sweep(props["stack"], props["service"])


class Initialization(Resource, module="karen", name="Initialization"):
    """One engine's schema. `run` changes with every run; `healthy_at` is when its container was healthy (Unix seconds)."""

    schema_version: pulumi.Output[str]
    server_version: pulumi.Output[str]
    run: pulumi.Output[str]

    def __init__(
        self,
        name: str,
        *,
        stack: str,
        service: str,
        image: str,
        network: pulumi.Input[str],
        user: str,
        container: pulumi.Input[str],
        connection: Mapping[str, Any],
        volumes: Mapping[str, pulumi.Input[str]],
        identity: pulumi.Input[str] = "",
        host_file: str = "",
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """`volumes` maps path to volume name; `identity` changes when the data's home was made anew.

        `host_file` is where this host has the data, if it is a file.
        """
        props = {
            "stack": stack,
            "service": service,
            "image": image,
            "network": network,
            "user": user,
            "container": container,
            "connection": pulumi.Output.secret(dict(connection)),
            "volumes": dict(volumes),
            "identity": identity,
            "host_file": host_file,
            "migrations": checksums(service),
            "seeds": seeds_checksum(DATA / "seed"),
            "schema_version": None,
            "server_version": None,
            "healthy_at": None,
            "run": None,
        }
        super().__init__(InitializationProvider(), name, props, opts)


def checksums(service: str) -> dict[str, str]:
    """Return migration name → SHA-256; empty when the files are not valid, which `check` then reports."""
    try:
        return {migration.name: migration.checksum for migration in load(DATA / service)}
    except MigrationsInvalid:
        return {}
