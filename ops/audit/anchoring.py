"""Telling PostgreSQL how far the record goes, and asking what it remembers: a job in the stack's network does it."""

from collections.abc import Mapping, Sequence
from typing import Any

from components.naming import Naming
from ops.audit import checking
from ops.audit.checking import Anchor
from ops.audit.entries import Head
from ops.cli.errors import CommandError
from ops.cli.migrate.asking import Asking
from ops.engine_errors import engine_errors, told

PLACE = "PostgreSQL"
_POSTGRES = "postgres"
_SECONDS = 60.0


class AnchorError(Exception):
    """PostgreSQL could not be told, or asked; the message says why."""


def is_up(stack: str) -> bool:
    """Whether there is a stack at all; what was destroyed remembers nothing."""
    from ops.cli.recorded import Recorded

    try:
        Recorded.read(stack)
    except CommandError:
        return False
    return True


def anchor(stack: str, head: Head | None = None) -> list[Anchor]:
    """Have PostgreSQL remember how far a stack's record goes and return what it remembers last; without that, all it remembers.

    AnchorError if it cannot be reached.
    """
    from init.resources.job import JobError

    request = {"anchor": head.document()} if head else {}
    try:
        _ensure_running(stack)
        with Asking(stack, _POSTGRES, seconds=_SECONDS) as asking:
            asking.complete()
            connection = asking.connection(_POSTGRES)
            answer = asking.ask(action="audit", stack=stack, connection=connection, **request)
    except engine_errors(CommandError, JobError) as error:
        raise AnchorError(told(error)) from None
    return [read(PLACE, one, str(one["anchored_at"])) for one in answer["anchors"]]


def read(place: str, document: Mapping[str, Any], at: str = "") -> Anchor:
    """Return what a place remembers, from a document with `record`, `number` and `head`."""
    head = Head(str(document["record"]), int(document["number"]), str(document["head"]))
    return Anchor(place=place, head=head, at=at)


def disagreement(lines: Sequence[bytes], anchors: Sequence[Anchor]) -> str:
    """Return the first way in which a record differs from what is remembered of it, empty if it does not."""
    return next(iter(checking.check(lines, anchors=anchors).problems), "")


def _ensure_running(stack: str) -> None:
    """Return if PostgreSQL's container runs; AnchorError otherwise, without waiting for it."""
    import docker
    from docker.errors import NotFound

    client = docker.from_env()
    try:
        facts = client.api.inspect_container(Naming(stack=stack).container(_POSTGRES))
        if not facts["State"]["Running"]:
            raise AnchorError("postgres does not run")
    except NotFound:
        raise AnchorError("postgres has no container") from None
    finally:
        client.close()
