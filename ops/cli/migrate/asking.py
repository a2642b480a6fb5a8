"""Asking a stack: a job that imports its clients while Pulumi still tells where the engines are."""

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, redirect_stdout
from typing import TYPE_CHECKING, Any

from ops.cli.errors import NotAsked
from ops.cli.migrate import pins
from ops.cli.migrate.folders import checked_engine, migrated
from ops.cli.recorded import Recorded
from ops.cli.telling import untold
from ops.engine_errors import engine_errors
from ops.pulumi import PulumiError, finish, start

if TYPE_CHECKING:
    from init.resources.job import Job

COORDINATING = "postgres"
SURVEY_SECONDS = 120.0
_FILES_ENGINE = "duckdb"


class Asking:
    """A job that imports its clients while Pulumi tells where the engines are. A context manager: it leaves nothing."""

    def __init__(self, stack: str, engine: str | None, *, seconds: float = SURVEY_SECONDS) -> None:
        """`engine` None is all that the stack has; NotAsked if there is nothing to ask."""
        self.stack = stack
        self.engine = engine
        self.recorded = Recorded.read(stack)
        self.engines = _chosen(self.recorded, engine)
        self.settings = pins.configuration(stack)
        self._exit = ExitStack()
        try:
            self._telling = self._exit.enter_context(_export(stack))
            spec = _spec(self.recorded, engine or "inspect", self.engines, self.settings, seconds)
            self._job = self._exit.enter_context(_started(spec))
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> "Asking":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Leave nothing."""
        self._exit.close()

    def connection(self, engine: str) -> dict[str, Any]:
        """Return how a job reaches an engine."""
        if engine not in self.recorded.records:
            raise NotAsked(f"The stack {self.stack} has no {engine} yet. Fix: make up STACK={self.stack}")
        return dict(self.recorded.records[engine].properties["connection"])

    def ask(self, **request: Any) -> dict[str, Any]:
        """Send a request, with the way to PostgreSQL that it always needs; its log lines are progress. JobError if it fails."""
        with redirect_stdout(sys.stderr):
            return self._job.run({"protocol": 1, "coordination": self.connection(COORDINATING), **request})

    def complete(self) -> None:
        """Wait for what Pulumi tells: records with their secrets."""
        try:
            self.recorded = Recorded.parse(self.stack, json.loads(finish(self._telling))["deployment"])
        except PulumiError as error:
            raise untold(self.stack, error) from None


def toolbox_image(stack: str, settings: Mapping[str, Any]) -> str:
    """Return the image that this checkout's jobs run in; NotAsked if the settings name no source of images."""
    from components.images import reference
    from components.machine import image_source

    try:
        return reference("toolbox", str(settings.get("imageSource") or image_source(stack) or "registry"))
    except ValueError as error:
        raise NotAsked(f"ai-karen-db:imageSource: {error}") from None


def _chosen(recorded: Recorded, engine: str | None) -> list[str]:
    if engine is None:
        return [name for name in migrated() if name in recorded.records]
    if checked_engine(engine) not in recorded.records:
        flag, stack = f"enable{engine.title()}", recorded.stack
        off = str(pins.configuration(stack).get(flag, True)).lower() == "false"
        first = f"pulumi config set ai-karen-db:{flag} true --stack {stack}, then " if off else ""
        raise NotAsked(f"The stack {stack} has no {engine}. Fix: {first}make up STACK={stack}")
    return [engine]


def _spec(
    recorded: Recorded, name: str, engines: Sequence[str], settings: Mapping[str, Any], seconds: float
) -> dict[str, Any]:
    """Return what a job is started with: as the engines' initializations are, with the image that this checkout names."""
    # Only an engine that is a file has volumes, and a user who may write there.
    home = recorded.records[_FILES_ENGINE if _FILES_ENGINE in engines else engines[0]].properties
    return {
        "stack": recorded.stack,
        "name": name,
        "image": toolbox_image(recorded.stack, settings),
        "user": home["user"],
        "network": home["network"],
        "volumes": home["volumes"],
        "deadline_seconds": seconds,
        "exclusive": False,
    }


def _started(spec: Mapping[str, Any]) -> "Job":
    """Start a job; NotAsked if the engine of containers does not."""
    from init.resources.job import Job, JobError, JobSpec

    try:
        return Job(JobSpec(**spec))
    except engine_errors(JobError) as error:
        raise NotAsked(f"The stack {spec['stack']} could not be asked. {error}") from None


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
