"""`Initialization`: one engine brought to the schema its files describe, once its container is healthy."""

import time
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pulumi
from pulumi.dynamic import CheckFailure, CheckResult, ReadResult, Resource

from init.migrations import LedgerEntry, MigrationsInvalid, compare, load
from init.migrations.losses import removes
from init.migrations.wire import to_document
from init.resources import data
from init.resources.inspection import inspect, ledger_of, recorded_ledger
from init.resources.messages import say
from init.resources.provider import Provider, is_known
from init.resources.seeds import load_seeds, seeds_checksum

_DEADLINE_SECONDS = 300.0
# Each step has its own time; this only ends what nobody waits for any more.
_MIGRATION_SECONDS = 24 * 3600.0


class InitializationProvider(Provider):
    """Checks the files before anything is touched; then waits for health and hands the files to a job in the network."""

    kind = "initialization"

    def check(self, olds: dict[str, Any], news: dict[str, Any]) -> CheckResult:
        """Refuse bad or edited migrations, and print those that are pending, so that a preview shows them.

        Files that are as recorded need no connection; others are compared with the engine's own ledger, if it can be asked.
        """
        service = news["service"]
        try:
            files = load(data.DIRECTORY / service)
        except MigrationsInvalid as error:
            return CheckResult(news, [CheckFailure("migrations", str(problem)) for problem in error.problems])
        target = news["target"]
        if target and target not in ("000", *(file.version for file in files)):
            known = ", ".join(("000", *(file.version for file in files)))
            reason = f"ai-karen-db:{service}SchemaVersion is {target}; there are {known}. Fix: ./karen migrate up {service} --to latest"
            return CheckResult(news, [CheckFailure("target", reason)])
        recorded = olds.get("migrations") or {}
        if is_known(recorded) and recorded == news["migrations"]:
            return CheckResult(news, [])
        plan = compare(service, _ledger(service, recorded, news), files, target=target or None)
        for migration in plan.pending:
            say(
                f"{service}: migration {migration.name} is pending{', and may remove data' if removes(migration.up) else ''}"
            )
        return CheckResult(news, [CheckFailure("migrations", str(problem)) for problem in plan.problems])

    def apply(self, props: dict[str, Any]) -> dict[str, Any]:
        """Start the job (it imports its client library meanwhile), wait for the container, then run the migrations."""
        from init.resources.gate import wait_until_healthy
        from init.resources.job import Job, JobSpec
        from init.runner.name import runner_name

        files = load(data.DIRECTORY / props["service"])
        deadline = _DEADLINE_SECONDS + _MIGRATION_SECONDS
        with Job(JobSpec.of(props, deadline_seconds=deadline, exclusive=True)) as job:
            if props["container"]:
                wait_until_healthy(props["container"], deadline_seconds=_DEADLINE_SECONDS)
            healthy_at = time.time()
            result = job.run(
                {
                    "protocol": 1,
                    "action": "migrate",
                    "engine": props["service"],
                    "connection": props["connection"],
                    "accounts": props["accounts"],
                    "coordination": props["coordination"],
                    "migrations": [to_document(file) for file in files],
                    "target": props["target"] or None,
                    "runner": runner_name(),
                    "seeds": load_seeds(data.DIRECTORY / "seed"),
                }
            )
        return {
            "schema_version": result["schema_version"],
            "server_version": result["server_version"],
            "drift": [],
            "healthy_at": healthy_at,
            "run": uuid.uuid4().hex,
        }

    def read(self, id_: str, props: dict[str, Any]) -> ReadResult:
        """Tell what the engine's ledger tells, and what was changed by hand; of what is gone, that it is to be made again."""
        if not _is_there(props):
            return ReadResult(id_, {**props, "identity": "gone"})
        if not props["migrations"]:
            return ReadResult(id_, props)
        found = inspect(props)
        if found is None:
            say(f"{props['service']}: could not be asked: compared with recorded state only")
            return ReadResult(id_, props)
        for sentence in found["drift"]:
            say(f"{props['service']}: {sentence}")
        applied = {entry.name: entry.checksum for entry in ledger_of(found) if not entry.dirty}
        seen = {"migrations": applied, "schema_version": found["schema_version"], "drift": found["drift"]}
        return ReadResult(id_, {**props, **seen})

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
        accounts: Sequence[Mapping[str, Any]] = (),
        volumes: Mapping[str, pulumi.Input[str]],
        identity: pulumi.Input[str] = "",
        host_file: str = "",
        coordination: Mapping[str, Any],
        target: str = "",
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """`volumes` maps path to volume name; `identity` changes when the data's home was made anew, or emptied.

        `accounts` are those that applications are given, each with `user`, `password` and `rights`. `host_file` is where this host has the data, if it is a file. `coordination` is the connection to PostgreSQL, where
        the lock and the shared ledger are. `target` is the version to stop at (three digits, empty for the latest).
        """
        props = {
            "stack": stack,
            "service": service,
            "image": image,
            "network": network,
            "user": user,
            "container": container,
            "connection": pulumi.Output.secret(dict(connection)),
            "accounts": pulumi.Output.secret([dict(one) for one in accounts]),
            "volumes": dict(volumes),
            "identity": identity,
            "host_file": host_file,
            "coordination": pulumi.Output.secret(dict(coordination)),
            "target": target,
            "migrations": checksums(service, target),
            "seeds": seeds_checksum(data.DIRECTORY / "seed"),
            "schema_version": None,
            "server_version": None,
            "drift": None,
            "healthy_at": None,
            "run": None,
        }
        super().__init__(InitializationProvider(), name, props, opts)


def checksums(service: str, target: str = "") -> dict[str, str]:
    """Return migration name → SHA-256 up to `target`; empty when the files are not valid, which `check` then reports."""
    try:
        files = load(data.DIRECTORY / service)
    except MigrationsInvalid:
        return {}
    return {migration.name: migration.checksum for migration in files if not target or migration.version <= target}


def _ledger(service: str, recorded: Mapping[str, str], news: Mapping[str, Any]) -> Sequence[LedgerEntry]:
    """Return the engine's ledger; where it cannot be asked, what the stack's state recorded of it."""
    found = inspect(news)
    if found is not None:
        return ledger_of(found)
    if recorded:
        say(f"{service}: could not be asked: compared with recorded state only")
    return recorded_ledger(recorded if is_known(recorded) else {})


def _is_there(props: Mapping[str, Any]) -> bool:
    """Whether container, volumes and file of an engine exist; raises if Docker's engine is not reachable."""
    import docker
    from docker.errors import NotFound

    client = docker.from_env()
    try:
        if props["container"]:
            client.api.inspect_container(props["container"])
        for volume in props["volumes"].values():
            client.api.inspect_volume(volume)
        return not props["host_file"] or Path(props["host_file"]).exists()
    except NotFound:
        return False
    finally:
        client.close()
