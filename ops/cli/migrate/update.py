"""Having Pulumi bring some engines' initializations up to date: one targeted update under the stack's lock."""

import json
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import redirect_stdout, suppress
from pathlib import Path
from typing import IO, Any

from bootstrap import places
from ops.audit.current import agent
from ops.cli.errors import Locked, NotAsked, Refused
from ops.cli.printer import Printer
from ops.cli.recorded import Recorded
from ops.pulumi import PulumiError, is_development, start

_PAUSE_SECONDS = 0.1
# What Pulumi puts in front of the sentences of a provider.
_FRAME = re.compile(r"^(Exception calling application: |.* resource '[^']*': property .*? has a problem: )")
_WITHOUT_NEWS = ("update failed",)


def ensure_free(printer: Printer) -> None:
    """Return when no update of the stack is running; what a killed one has left is put in order first."""
    from bootstrap import interrupted
    from bootstrap.console import StepError

    try:
        with redirect_stdout(sys.stderr):
            interrupted.recover(printer.stack, development=is_development())
    except StepError as error:
        raise Refused(str(error)) from None
    for lock in locks(printer.stack):
        raise _locked(
            printer.stack, f"process {lock.get('pid')} on {lock.get('hostname')} since {lock.get('timestamp')}"
        )


def update(printer: Printer, engines: Sequence[str], *, refresh: bool = False) -> Recorded:
    """Run the engines' initializations and the verification as a targeted update, and return what is recorded then.

    The log lines are printed as they come. With `refresh`, Pulumi first looks at what the ledgers tell. Locked if another
    update got in between, Refused if this one failed.
    """
    recorded = Recorded.read(printer.stack)
    urns = [recorded.records[engine].urn for engine in engines]
    urns += [recorded.verification] if recorded.verification else []
    targeted(printer, urns, *(["--refresh"] if refresh else []))
    return Recorded.read(printer.stack)


def targeted(printer: Printer, urns: Sequence[str], *options: str) -> None:
    """Update these resources; the log lines are printed as they come. Locked or Refused if it could not be."""
    targets = [part for urn in urns for part in ("--target", urn)]
    with tempfile.TemporaryDirectory(prefix="karen-") as directory:
        events, output = Path(directory, "events"), Path(directory, "output")
        command = ["up", "--yes", "--skip-preview", *targets, "--event-log", str(events), *options, *agent()]
        with output.open("w+", encoding="utf-8") as channel:
            process = _started(printer.stack, command, channel)
            errors: list[str] = []
            try:
                for severity, text in map(told, _events(process, events)):
                    if text and severity == "info":
                        printer.progress(text)
                    elif text and severity == "error":
                        errors.append(text)
            finally:
                # Interrupted, Pulumi ends in good order by itself.
                process.wait()
        if process.returncode != 0:
            raise _failure(printer.stack, errors, output.read_text(encoding="utf-8"))


def _started(stack: str, command: Sequence[str], channel: IO[str]) -> "subprocess.Popen[str]":
    try:
        # The flag for the log of events is one of those that Pulumi keeps for tools.
        return start(stack, *command, output=channel, errors=channel, variables={"PULUMI_DEBUG_COMMANDS": "true"})
    except PulumiError as error:
        raise NotAsked(str(error)) from None


def _events(process: "subprocess.Popen[str]", path: Path) -> Iterator[dict[str, Any]]:
    """Yield the update's events as they are written, until it has ended."""
    rest, position = b"", 0
    while True:
        ended = process.poll() is not None
        if path.exists():
            with path.open("rb") as log:
                log.seek(position)
                new = log.read()
            position += len(new)
            *lines, rest = (rest + new).split(b"\n")
            yield from (json.loads(line) for line in lines if line.strip())
        if ended:
            return
        time.sleep(_PAUSE_SECONDS)


def told(event: Mapping[str, Any]) -> tuple[str, str]:
    """Return an event's severity and its sentence, without what Pulumi puts around it; empty if it tells nothing."""
    found = event.get("diagnosticEvent") or {}
    text = _FRAME.sub("", str(found.get("message") or "").strip())
    return str(found.get("severity") or ""), "" if text in _WITHOUT_NEWS else text


def _failure(stack: str, errors: Sequence[str], printed: str) -> Refused:
    if "currently locked by" in printed:
        return _locked(stack, "another update")
    told = "\n".join(errors) or printed.strip()
    hint = f"\nFix: make up STACK={stack}, which also brings what else has changed" if "--target" in told else ""
    return Refused(f"The update of {stack} failed. {told}{hint}")


def _locked(stack: str, by: str) -> Locked:
    return Locked(
        f"The stack {stack} is locked by {by}. Fix: wait for that update to end and run the same command again; if it is"
        f" gone for good, pulumi cancel --stack {stack}"
    )


def locks(stack: str) -> list[dict[str, Any]]:
    """Return what Pulumi's locks on a stack tell: process, host and time of each."""
    directory = places.home() / "state" / ".pulumi" / "locks" / "organization" / places.PROJECT / stack
    found = []
    for path in sorted(directory.glob("*.json")):
        # Its update ends, or has just begun to write it: it is told when this one wants the lock itself.
        with suppress(FileNotFoundError, ValueError):
            found.append(json.loads(path.read_text(encoding="utf-8")))
    return found
