"""`reconcile`: documents and vectors of memories are made what PostgreSQL's rows say."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ops.backups.stack import StackBackups
from ops.cli.backup.asking import ask, described
from ops.cli.errors import DONE, REFUSED, NotAsked
from ops.cli.leases import leased
from ops.cli.printer import Printer

ENGINES = ("postgres", "elasticsearch", "milvus")
_COMMAND = "./karen reconcile --yes"
_SHOWN = 10
_WORDS = {"elasticsearch": "documents", "milvus": "vectors"}


def reconcile(printer: Printer, *, dry_run: bool, yes: bool) -> int:
    """Tell what differs and, once that is agreed to, repair it; exit 1 while something differs that only people can repair."""
    backups = described(printer.stack)
    connections = {name: backups.engines[name] for name in ENGINES if name in backups.engines}
    if len(connections) < 2:
        raise NotAsked(
            f"The stack {printer.stack} has neither Elasticsearch nor Milvus: there is nothing to reconcile."
        )
    if dry_run or not yes:
        plan = ask(backups, "reconcile", printer, engines=connections, dry_run=True)
        if dry_run or not plan["mismatches"]:
            return _end(printer, plan)
        _say(printer, differences(plan))
        if not _repairable(plan):
            return _end(printer, plan, told=True)
        printer.agree("Make documents and vectors what PostgreSQL's rows say?", yes=yes)
    return _end(printer, _repaired(backups, printer, connections))


def _repaired(backups: StackBackups, printer: Printer, connections: Mapping[str, Any]) -> dict[str, Any]:
    with leased(printer.stack, _COMMAND, list(connections)):
        return ask(backups, "reconcile", printer, engines=connections, dry_run=False)


def _end(printer: Printer, answer: Mapping[str, Any], *, told: bool = False) -> int:
    """Print what an answer of the job tells and return the exit code; `told` that its differences were printed."""
    changed = any(sum(one["done"].values()) for one in answer["engines"].values())
    if not told:
        _say(printer, differences(answer))
    _say(printer, remarks(answer))
    printer.end(sentence(answer), {"changed": changed, **answer})
    return REFUSED if answer["mismatches"] else DONE


def differences(answer: Mapping[str, Any]) -> Iterator[str]:
    """Yield a line for each engine: what was found, with examples, and what was done about it."""
    for name, one in answer["engines"].items():
        found = [f"{count} {kind}{_examples(one['examples'][kind])}" for kind, count in one["found"].items() if count]
        done = [f"{count} {what}" for what, count in one["done"].items() if count]
        told = f"{name}: {one['rows']} memories, {', '.join(found) or 'all agree'}"
        yield f"{told}; {', '.join(done)}" if done else told


def remarks(answer: Mapping[str, Any]) -> Iterator[str]:
    """Yield what the command cannot do, and who can."""
    for name, one in answer["engines"].items():
        if one["unkeyed"]:
            yield f"{name}: {one['unkeyed']} documents without a vector_id cannot be compared; they stay as they are"
        if one["embed"]:
            keys = _keys(one["embed"])
            yield (
                f"{name}: {len(one['embed'])} vectors to be embedded again, as no row holds them: vector_id {keys}. Fix: have the"
                f" application embed these memories and insert the vectors, then ./karen reconcile (--json lists all)"
            )
        for key, reason in list(one["refused"].items())[:_SHOWN]:
            yield f"{name}: {key}: {reason}"


def sentence(answer: Mapping[str, Any]) -> str:
    """Return the last sentence."""
    left, engines = answer["mismatches"], answer["engines"]
    what = " and ".join(_WORDS[name] for name in engines)
    if not left:
        return f"Done: {what} agree with PostgreSQL."
    if answer["dry_run"]:
        fix = " Fix: ./karen reconcile" if _repairable(answer) else ""
        return f"{left} {what} differ from PostgreSQL; nothing was changed.{fix}"
    only = sum(len(one["embed"]) for one in engines.values())
    return f"{left} {what} still differ from PostgreSQL, {only} of them to be embedded again."


def _repairable(answer: Mapping[str, Any]) -> bool:
    return bool(answer["mismatches"] > sum(len(one["embed"]) for one in answer["engines"].values()))


def _examples(keys: Sequence[int]) -> str:
    return f" ({_keys(keys)})" if keys else ""


def _keys(keys: Sequence[int]) -> str:
    shown = ", ".join(map(str, keys[:_SHOWN]))
    return f"{shown}, …" if len(keys) > _SHOWN else shown


def _say(printer: Printer, lines: Iterator[str]) -> None:
    for line in lines:
        printer.say(line)
