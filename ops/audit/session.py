"""Recording a command: an entry when it begins, before anything is touched, and one for its outcome."""

import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from ops.audit import entries, keys, record
from ops.audit.current import CURRENT, Run
from ops.audit.entries import Head
from ops.audit.who import checkout, who
from ops.cli.errors import DONE, INTERRUPTED, NOT_ASKED, REFUSED, CommandError

Tell = Callable[[str], None]
_RESULTS = {DONE: "done", INTERRUPTED: "interrupted"}


def say(text: str) -> None:
    """Tell what the record could not do, beside the command's own output."""
    print(text, file=sys.stderr, flush=True)


@contextmanager
def recorded(
    stack: str, command: str, arguments: Mapping[str, Any] | None = None, *, tell: Tell = say, must: bool = True
) -> Iterator[Run]:
    """Record what happens within the context, whose `exit` is the command's exit code; a stack that was never made has no record.

    RecordError, before anything is touched, if it cannot be; it is told where it need not be (`must`). What becomes of the command
    afterwards is its own: an outcome that cannot be written is told.
    """
    run = Run()
    if not record.concerns(stack):
        yield run
        return
    began, unwritten = time.monotonic(), dict[str, Any]()
    told = {"command": command, "arguments": dict(arguments or {}), **who(), **checkout()}
    try:
        record.append(stack, [{"event": entries.BEGIN, "run": run.id, **told}], keys.held(stack, tell))
    except CommandError as error:
        if must:
            raise
        tell(f"audit: {error}")
        unwritten = told
    token = CURRENT.set(run)
    try:
        yield run
    except KeyboardInterrupt:
        run.exit = INTERRUPTED
        raise
    except CommandError as error:
        run.exit = error.code
        raise
    except BaseException:
        run.exit = REFUSED
        raise
    finally:
        CURRENT.reset(token)
        _end(stack, run, time.monotonic() - began, unwritten, tell)


def take_in(stack: str, tell: Tell = say) -> None:
    """Enter what Pulumi's history has and the record has not; that it cannot be is told."""
    try:
        record.append(stack, [], keys.held(stack, tell))
    except CommandError as error:
        tell(f"audit: {error}")


def _end(stack: str, run: Run, seconds: float, unwritten: Mapping[str, Any], tell: Tell) -> None:
    """Write the outcome, with what no begin tells, and have PostgreSQL remember it; nobody's command fails for that."""
    entry = {
        "event": entries.OUTCOME,
        "run": run.id,
        "result": _RESULTS.get(run.exit, "failed"),
        "exit": run.exit,
        "seconds": round(seconds, 3),
        "facts": run.facts,
        **unwritten,
    }
    try:
        head = record.append(stack, [entry], keys.held(stack, tell))
    except CommandError as error:
        tell(f"audit: the outcome is not in the record: {error}")
        return
    # What has changed nothing is remembered with the next that does.
    if head is not None and run.exit != NOT_ASKED and run.facts.get("changed") is not False:
        _anchor(stack, head, tell)


def _anchor(stack: str, head: Head, tell: Tell) -> None:
    from ops.audit import anchoring

    try:
        if not anchoring.is_up(stack):
            return
        anchors = anchoring.anchor(stack, head)
        problem = anchoring.disagreement(record.lines_of(stack), anchors)
    except (anchoring.AnchorError, CommandError, KeyboardInterrupt) as error:
        told = str(error) or "interrupted"
        tell(f"audit: PostgreSQL could not be told how far the record goes: {told}. The next command does it")
        return
    if problem:
        tell(f"audit: the record is not what was written: {problem}. Fix: ./karen audit verify --stack {stack}")
