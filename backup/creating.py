"""Making a set: each engine's part in turn, then the manifest. What one engine cannot do makes the set incomplete."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from backup.configuration import Configuration
from backup.engines import COLD, HELD, NAMES, load
from backup.engines.base import Task
from backup.keys import Signer
from backup.model import Manifest
from backup.sets import locked, sweep
from backup.staging import staged
from backup.targets import open_target
from backup.targets.base import Target
from backup.targets.locks import Guard
from backup.writing import Origin, SetWriter
from init.actions import redact
from init.protocol import Failure

Tell = Callable[[str], None]
# How long one that is asked for waits for another that is being made.
_WAIT_SECONDS = 900.0
_AUTHORITY = "postgres"
# No engine can help it when there is no place left, or nobody who may write there.
_FATAL = ("TargetFull", "TargetFailed", "Locked")


def create(
    configuration: Configuration,
    *,
    trigger: str,
    label: str = "",
    only: Sequence[str] = (),
    state: bytes | None = None,
    audit: Mapping[str, Any] | None = None,
    cold: Mapping[str, Any] | None = None,
    logical: bool = False,
    progress: Tell = print,
) -> Manifest:
    """Make a set of every engine, or of those named, and return its manifest; Failure when there can be none.

    `state` is the stack's record, which goes into the set as everything else does; `audit` is how far the audit record goes, as
    PostgreSQL remembers it without. A set with an engine that failed is kept
    as incomplete, with the reason. With `cold` (`volumes`, which maps services to where their volumes are mounted, and `version`)
    Milvus is taken as a copy of these, its servers being stopped; nobody is waited for then. `logical`
    has PostgreSQL taken as dumps, which another major version can read.
    """
    there = [name for name in NAMES if name in configuration.engines and not (cold and name in HELD)]
    if unknown := sorted(set(only) - set(there)):
        allowed = ", ".join(there)
        raise Failure("BadRequest", f"only has {', '.join(unknown)}; allowed: {allowed}", f"name any of {allowed}")
    names = [name for name in there if not only or name in only]
    if logical:
        configuration = _dumped(configuration, names)
    origin = Origin(
        stack=configuration.stack,
        trigger=trigger,
        software=configuration.software,
        recipient=configuration.recipient,
        label=label,
        partial=names != there,
        signer=Signer(configuration.signing),
    )
    target = open_target(configuration.target)
    with locked(target, f"backup ({trigger})", 0.0 if cold else _WAIT_SECONDS) as guard:
        sweep(target, configuration.stack, guard)
        with _writer(target, origin, guard) as writer:
            writer.audit = audit or _anchored(configuration)
            for name in names:
                _take(name, configuration, writer, progress, cold if name == COLD else None)
            if state is not None:
                with writer.state() as stream:
                    stream.write(state)
    assert writer.manifest is not None
    return writer.manifest


def _anchored(configuration: Configuration) -> Mapping[str, Any] | None:
    from init.anchors import last

    connection = configuration.engines.get(_AUTHORITY)
    return last(connection, configuration.stack) if connection else None


def _dumped(configuration: Configuration, names: Sequence[str]) -> Configuration:
    if _AUTHORITY not in names:
        raise Failure("BadRequest", "only PostgreSQL is taken as dumps, and it is not asked for", "leave out --logical")
    connection = {**configuration.engines[_AUTHORITY], "logical": True}
    return replace(configuration, engines={**configuration.engines, _AUTHORITY: connection})


def _writer(target: Target, origin: Origin, guard: Guard) -> SetWriter:
    try:
        return SetWriter(target, origin, guard)
    except ValueError as error:
        raise Failure("BadRequest", str(error), "give another label") from None


def _take(
    name: str, configuration: Configuration, writer: SetWriter, progress: Tell, cold: Mapping[str, Any] | None
) -> None:
    """Take one engine's part; its failure is the part's, a failure of the target is the set's."""
    began = time.monotonic()
    connection = {**configuration.engines[name], **(cold or {})}
    progress(f"{name}: begins")
    try:
        with staged(configuration.staging) as staging:
            task = Task(set_id=writer.id, staging=staging, progress=named(name, progress))
            taken = load(name, cold=cold is not None).back_up(connection, writer.sink(name), task)
    except Failure as failure:
        if failure.kind in _FATAL:
            raise
        told = redact(failure, connection)
    except Exception as error:  # noqa: BLE001 - one engine's trouble is no other's
        told = redact(Failure("Unexpected", f"{name}: {type(error).__name__}: {error}", "report this"), connection)
    else:
        writer.good(name, taken)
        progress(f"{name}: done in {time.monotonic() - began:.1f} s")
        return
    writer.incomplete(name, f"{told.message}. Fix: {told.fix}")
    progress(f"{name}: failed: {told.message}")


def named(name: str, progress: Tell) -> Tell:
    """Return what tells an engine's progress with the engine's name in front, once."""
    return lambda text: progress(f"{name}: {text.removeprefix(f'{name}: ')}")
