"""The steps of a restore, each a job of its own: one engine's part loaded, exchanged, finished, given up, or discarded."""

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from backup.creating import named
from backup.engines import load as part_of
from backup.engines import postgres
from backup.engines.base import Part, Source, Task
from backup.model import EnginePart, Manifest, Taken
from backup.parts import PartSource
from backup.sets import root_of
from backup.staging import staged
from backup.targets import open_target
from backup.wal import Archive, ArchivedSource
from init.engines.base import required
from init.protocol import Failure

Request = Mapping[str, Any]
_AUTHORITY = "postgres"


def load(request: Request) -> dict[str, Any]:
    """Bring an engine's part back beside what it has."""
    manifest = Manifest.parse(required(request, "manifest", dict))
    name = required(request, "engine", str)
    part = manifest.engines.get(name)
    if part is None or part.taken is None:
        raise Failure("BadRequest", f"{manifest.id} has no whole {name}", "name an engine that the set has")
    source = _source(request, manifest, name, part)
    with _at_work(request) as (driver, connection, taken, task):
        driver.load(connection, source, taken, task)
    return {"engine": name}


def _source(request: Request, manifest: Manifest, name: str, part: EnginePart) -> Source:
    """Return where the part comes from; with a moment, PostgreSQL's goes on with the log that was archived after it."""
    target, identity = open_target(required(request, "target", dict)), required(request, "identity", str)
    source = PartSource(target, root_of(manifest.stack, manifest.id), name, part.files, identity)
    until = required(request, "connection", dict).get("until")
    assert part.taken is not None
    # Dumps have no log; the part itself says so.
    if name != _AUTHORITY or until is None or part.taken.details.get("logical"):
        return source
    archive = Archive(target, manifest.stack, trust=required(request, "trust", list))
    moment = datetime.fromisoformat(until).timestamp()
    return ArchivedSource(source, archive, identity, taken=part.taken, until=moment)


def recover(request: Request) -> dict[str, Any]:
    """Compare a recovered PostgreSQL that nobody else can reach, and make it the target's."""
    with _at_work(request) as (_, connection, taken, task):
        postgres.PART.recover(connection, taken, task)
    return {"engine": "postgres"}


def exchange(request: Request) -> dict[str, Any]:
    """Put what was loaded in its place."""
    with _at_work(request) as (driver, connection, taken, task):
        driver.exchange(connection, taken, task)
    return {"engine": required(request, "engine", str)}


def give_up(request: Request) -> dict[str, Any]:
    """Have what was there before again; `back` says whether it is, or what was loaded is in its place."""
    with _at_work(request) as (driver, connection, taken, task):
        back = driver.give_up(connection, taken, task)
    return {"engine": required(request, "engine", str), "back": back}


def finish(request: Request) -> dict[str, Any]:
    """Apply what is the target's, and remove what is not needed any more."""
    with _at_work(request) as (driver, connection, taken, task):
        driver.finish(connection, taken, task)
    return {"engine": required(request, "engine", str)}


def discard(request: Request) -> dict[str, Any]:
    """Remove what a load has left."""
    with _at_work(request) as (driver, connection, _, task):
        driver.discard(connection, task)
    return {"engine": required(request, "engine", str)}


@contextmanager
def _at_work(request: Request) -> Iterator[tuple[Part, Mapping[str, Any], Taken, Task]]:
    """Provide what every step is given, with a directory for what is on its way."""
    name, connection = required(request, "engine", str), required(request, "connection", dict)
    taken = Taken(**required(request, "taken", dict))
    with staged(str(request.get("staging") or "")) as staging:
        progress = named(name, lambda line: print(line, file=sys.stderr, flush=True))
        yield (
            part_of(name, cold=bool(taken.details.get("cold"))),
            connection,
            taken,
            Task(set_id=required(request, "set", str), staging=staging, progress=progress),
        )
