"""Asking a stack: one job that looks at every engine, started while Pulumi still tells where they are."""

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stdout
from typing import TYPE_CHECKING, Any

from init.engines import NAMES
from init.migrations import Migration, MigrationsInvalid, Problem, load
from init.resources.data import DIRECTORY
from init.resources.seeds import seeds_checksum
from ops.cli import pins
from ops.cli.errors import NotAsked
from ops.cli.known import Known
from ops.cli.recorded import Recorded
from ops.pulumi import PulumiError, finish, start

if TYPE_CHECKING:
    from init.resources.job import Job

COORDINATING = "postgres"
_FILES_ENGINE = "duckdb"
_PATIENCE_SECONDS = 5.0
_SURVEY_SECONDS = 120.0
# As long as an update gives its migrations.
_ACT_SECONDS = 3900.0


def migrated() -> list[str]:
    """Return the engines that have migrations, PostgreSQL first."""
    return [name for name in NAMES if (DIRECTORY / name).is_dir()]


def checked_engine(engine: str) -> str:
    """Return an engine's name; NotAsked for one that has no migrations."""
    allowed = migrated()
    if engine not in allowed:
        why = "has no migrations" if engine in NAMES else "is not an engine"
        raise NotAsked(f"{engine!r} {why}; allowed: {', '.join(allowed)}")
    return engine


def files_of(engine: str) -> tuple[tuple[Migration, ...], tuple[Problem, ...]]:
    """Return an engine's migrations, or everything that is wrong with them."""
    try:
        return load(DIRECTORY / engine), ()
    except MigrationsInvalid as error:
        return (), error.problems


def survey(stack: str, engine: str | None = None, *, counts: bool = False) -> list[Known]:
    """Ask one engine, or all that the stack has; NotAsked if there is nothing to ask. Nothing is changed."""
    recorded = Recorded.read(stack)
    chosen = _chosen(recorded, engine)
    settings = pins.configuration(stack)
    try:
        with _export(stack) as telling, _job(recorded, "inspect", chosen, settings, _SURVEY_SECONDS) as job:
            recorded = _exported(stack, telling)
            request = {"action": "inspect-all", "coordination": _connection(recorded, COORDINATING), "counts": counts}
            engines = {name: {"connection": _connection(recorded, name), "migrations": []} for name in chosen}
            answers = _run(job, {**request, "engines": engines, "patience": _PATIENCE_SECONDS})["engines"]
    except _job_errors() as error:
        raise NotAsked(f"The stack {stack} could not be asked. {error}") from None
    seeds = seeds_checksum(DIRECTORY / "seed")
    return [
        Known(
            engine=name,
            files=files,
            file_problems=problems,
            pin=pins.pin(settings, name),
            record=recorded.records[name],
            answer=answers[name],
            seeds=seeds,
        )
        for name in chosen
        for files, problems in [files_of(name)]
    ]


def act(stack: str, engine: str, action: str, **request: Any) -> dict[str, Any]:
    """Have a job do something about one engine's migrations; JobError says why it could not."""
    from init.migrations.wire import to_document
    from init.runner.name import runner_name

    recorded, settings = Recorded.read(stack), pins.configuration(stack)
    with _export(stack) as telling, _job(recorded, engine, [engine], settings, _ACT_SECONDS) as job:
        recorded = _exported(stack, telling)
        files, _ = files_of(engine)
        whole = {
            "action": action,
            "engine": engine,
            "connection": _connection(recorded, engine),
            "coordination": _connection(recorded, COORDINATING),
            "migrations": [to_document(file) for file in files],
            "runner": runner_name(),
        }
        return _run(job, {**whole, **request})


def asked(found: Sequence[Known]) -> None:
    """Return if every engine has answered; NotAsked names those that have not."""
    errors = [f"{one.engine}: {one.error}" for one in found if one.error]
    if errors:
        raise NotAsked("\n".join(errors))


def _chosen(recorded: Recorded, engine: str | None) -> list[str]:
    if engine is None:
        return [name for name in migrated() if name in recorded.records]
    if checked_engine(engine) not in recorded.records:
        flag = f"ai-karen-db:enable{engine.title()}"
        raise NotAsked(
            f"The stack {recorded.stack} has no {engine}. Fix: pulumi config set {flag} true --stack {recorded.stack}, then make up"
        )
    return [engine]


def _job(recorded: Recorded, name: str, engines: Sequence[str], settings: Mapping[str, Any], seconds: float) -> "Job":
    """Start a job as the engines' initializations do: it imports its clients while it waits for its request."""
    from components.images import reference
    from components.machine import image_source
    from init.resources.job import Job, JobSpec

    # Only an engine that is a file has volumes, and a user who may write there.
    home = recorded.records[_FILES_ENGINE if _FILES_ENGINE in engines else engines[0]].properties
    source = str(settings.get("imageSource") or image_source(recorded.stack) or "registry")
    return Job(
        JobSpec(
            stack=recorded.stack,
            name=name,
            image=reference("toolbox", source),
            user=home["user"],
            network=home["network"],
            volumes=home["volumes"],
            deadline_seconds=seconds,
            exclusive=False,
        )
    )


@contextmanager
def _export(stack: str) -> "Iterator[subprocess.Popen[str]]":
    """Have Pulumi tell the stack's state, secrets included, while something else is done."""
    try:
        telling = start(stack, "stack", "export", "--show-secrets")
    except PulumiError as error:
        raise NotAsked(str(error)) from None
    with telling:
        try:
            yield telling
        finally:
            telling.kill()


def _exported(stack: str, telling: "subprocess.Popen[str]") -> Recorded:
    """Return the records with their secrets, once Pulumi has told them."""
    try:
        return Recorded.parse(stack, json.loads(finish(telling))["deployment"])
    except PulumiError as error:
        raise NotAsked(f"Pulumi does not tell how to reach the stack {stack}: {error}") from None


def _connection(recorded: Recorded, engine: str) -> dict[str, Any]:
    if engine not in recorded.records:
        raise NotAsked(f"The stack {recorded.stack} has no {engine} yet. Fix: make up STACK={recorded.stack}")
    return dict(recorded.records[engine].properties["connection"])


def _run(job: "Job", request: Mapping[str, Any]) -> dict[str, Any]:
    """Run a job; its log lines are progress, and standard output is for the result."""
    with redirect_stdout(sys.stderr):
        return job.run({"protocol": 1, **request})


def _job_errors() -> tuple[type[Exception], ...]:
    from docker.errors import DockerException

    from init.resources.job import JobError

    return JobError, DockerException
