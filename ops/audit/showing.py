"""`audit show` and `audit export`."""

import os
import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from ops.audit import entries, record
from ops.audit.growing import current_key
from ops.audit.session import take_in
from ops.cli.errors import DONE, NotAsked
from ops.cli.printer import Printer

_COMMIT_DIGITS = 9
# What an outcome adds to its command.
_OUTCOME = ("result", "exit", "seconds", "facts")
_GOES_ON = "no outcome"
# An outcome stands for its command where no begin could be written.
_COMMANDS = (entries.BEGIN, entries.OUTCOME)


def show(printer: Printer, last: int) -> int:
    """Show what happened last, what Pulumi's history has beside it taken in first."""
    record.ensure_known(printer.stack)
    take_in(printer.stack, printer.progress)
    found = list(happened(list(entries.readable(record.lines_of(printer.stack)))))
    shown = found[-last:]
    printer.table(_table(shown))
    commands, direct = (sum(one["event"] in events for one in found) for events in (_COMMANDS, (entries.UPDATE,)))
    told = f"{commands} commands are recorded, and {direct} updates that were made directly with Pulumi"
    left = f"; the newest {len(shown)} are shown" if len(shown) < len(found) else ""
    printer.end(f"{told}{left}.", {"commands": commands, "direct": direct, "shown": shown})
    return DONE


def export(printer: Printer, path: Path | None) -> int:
    """Print the lines, or write them into a file (0600); NotAsked if something is there already."""
    record.ensure_known(printer.stack)
    take_in(printer.stack, printer.progress)
    lines = record.lines_of(printer.stack)
    head = entries.head_of(lines)
    facts = {"public": current_key(lines), "head": head.document() if head else None}
    if path is None and not printer.as_json:
        sys.stdout.write("".join(f"{line.decode(errors='replace')}\n" for line in lines))
        return DONE
    if path is None:
        printer.end(f"{len(lines)} entries.", {**facts, "entries": list(entries.readable(lines))})
        return DONE
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(b"".join(line + b"\n" for line in lines))
    except OSError as error:
        raise NotAsked(f"{path} cannot be written: {error.strerror}. Fix: name a file that is not there yet") from None
    check = f"./karen audit verify --file {path} --public {facts['public'] or 'KEY'}"
    printer.end(f"Done: {len(lines)} entries are in {path}. To verify it: {check}", {**facts, "file": str(path)})
    return DONE


def happened(found: Sequence[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    """Yield commands, each with its outcome, direct updates, and whatever else is in a record, in the order of their begin."""
    begun = {one.get("run") for one in found if one["event"] == entries.BEGIN}
    outcomes = {one.get("run"): one for one in found if one["event"] == entries.OUTCOME}
    changes: dict[Any, list[Any]] = defaultdict(list)
    for one in found:
        if one["event"] == entries.UPDATE:
            changes[one.get("run")].append(one.get("changes"))
    for one in found:
        if one["event"] == entries.OUTCOME and one.get("run") in begun:
            continue
        if one["event"] == entries.UPDATE and not one.get("direct"):
            continue
        told = {key: value for key, value in one.items() if key not in ("previous", "signature", "signed_by", "stack")}
        if one["event"] == entries.BEGIN:
            outcome = outcomes.get(one.get("run"), {})
            told |= {key: outcome[key] for key in _OUTCOME if key in outcome}
            updates = changes.get(one.get("run"))
            told |= {"updates": updates} if updates else {}
        yield told


def _table(shown: Sequence[Mapping[str, Any]]) -> Any:
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, header_style="bold", pad_edge=False)
    for name in ("when (UTC)", "who", "commit", "what", "result"):
        table.add_column(name, overflow="fold")
    for one in shown:
        table.add_row(*(Text(entries.plain(cell)) for cell in _row(one)))
    return table


def _row(one: Mapping[str, Any]) -> Sequence[str]:
    when = str(one.get("began") or one.get("at"))[:19].replace("T", " ")
    who = "@".join(str(one[key]) for key in ("user", "host") if one.get(key))
    if one.get("login"):
        who += f" (as {one['login']} logged in)"
    commit = str(one.get("commit") or "")[:_COMMIT_DIGITS] + ("+" if one.get("dirty") else "")
    if one["event"] in _COMMANDS:
        seconds = f" in {one['seconds']:.1f} s" if isinstance(one.get("seconds"), float) else ""
        result = f"{one.get('result', _GOES_ON)}{seconds}{_noted(one.get('facts'))}"
        return when, who, commit, f"{one.get('command')}{_noted(one.get('arguments'))}", result
    if one["event"] == entries.UPDATE:
        return (
            when,
            who,
            commit,
            f"pulumi {one.get('kind')}, directly",
            f"{one.get('result')}{_noted(one.get('changes'))}",
        )
    what = {entries.KEY: "another key signs from here", entries.REMAINS: "a line that was cut off"}
    return when, who, commit, what.get(one["event"], one["event"]), ""


def _noted(facts: object) -> str:
    """Return facts in one line, nothing of what somebody has put in their place."""
    if not isinstance(facts, Mapping):
        return ""
    told = [f"{key} {', '.join(map(str, value)) if isinstance(value, list) else value}" for key, value in facts.items()]
    return f" ({'; '.join(told)})" if told else ""
