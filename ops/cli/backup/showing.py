"""`backup list`, `show` and `verify`."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ops.cli.backup.asking import ask, described, quietly
from ops.cli.backup.identities import opened
from ops.cli.backup.sizes import moment, size
from ops.cli.errors import DONE, REFUSED
from ops.cli.printer import Printer


def listing(printer: Printer) -> int:
    """Print a line for each set; exit 1 when one of them cannot be trusted."""
    from rich.table import Table

    answer = quietly(described(printer.stack), "list")
    table = Table()
    for column in ("set", "made", "trigger", "label", "state", "engines", "size"):
        table.add_column(column, justify="right" if column == "size" else "left", overflow="fold")
    for one in answer["sets"]:
        table.add_row(*_row(one))
    printer.table(table)
    for one in answer["sets"]:
        if one["error"]:
            printer.say(f"{one['id']}: {one['error']}")
    for name in answer["unfinished"]:
        printer.say(f"{name}: not finished; it is removed when the next set is made")
    wrong = [one for one in answer["sets"] if one["error"]]
    free = "" if answer["free"] is None else f", {size(answer['free'])} free"
    printer.end(f"{len(answer['sets'])} sets in {answer['target']}{free}.", answer)
    return REFUSED if wrong else DONE


def _row(one: Mapping[str, Any]) -> tuple[str, ...]:
    if one["error"]:
        return one["id"], "–", "–", "–", "[red]refused[/]", "–", size(one["stored"])
    whole = all(one["engines"].values())
    state = "[green]good[/]" if one["good"] else "[yellow]good, in part[/]" if whole else "[red]incomplete[/]"
    engines = ", ".join(f"{name}{'' if good else ' (failed)'}" for name, good in one["engines"].items())
    return one["id"], moment(one["ended"]), one["trigger"], one["label"], state, engines, size(one["stored"])


def show(printer: Printer, wanted: str) -> int:
    """Print what a manifest tells."""
    manifest = quietly(described(printer.stack), "find", set=wanted)["manifest"]
    _engines(printer, manifest)
    told = f"{manifest['id']} of {manifest['stack']}, {moment(manifest['began'])} to {moment(manifest['ended'])} UTC"
    printer.end(f"{told}, encrypted to {manifest['recipient']}.", {"set": manifest})
    return DONE


def _engines(printer: Printer, manifest: Mapping[str, Any]) -> None:
    from rich.markup import escape
    from rich.table import Table

    table = Table()
    for column in ("engine", "state", "tool", "version", "schema", "objects", "in all", "size", "stored", "seconds"):
        table.add_column(column, justify="left" if column in ("engine", "state", "tool") else "right", overflow="fold")
    for name, part in manifest["engines"].items():
        taken = part["taken"]
        if taken is None:
            table.add_row(name, f"[red]{part['state']}[/]", escape(part["reason"]), *("–",) * 7)
            continue
        sizes = (size(sum(file[key] for file in part["files"])) for key in ("plain", "stored"))
        table.add_row(
            name, f"[green]{part['state']}[/]", taken["tool"], taken["server_version"], taken["schema_version"] or "–",
            str(len(taken["counts"])), str(sum(taken["counts"].values())), *sizes,
            f"{taken['ended'] - taken['began']:.1f}",
        )  # fmt: skip
    printer.table(table)


def verify(printer: Printer, wanted: str, *, deep: bool, identity: Path | None) -> int:
    """Check a set; exit 1, with each file that is wrong, if it is not what was made."""
    backups = described(printer.stack)
    secret = opened(backups, identity).identity if deep or identity else None
    answer = ask(backups, "check", printer, set=wanted, identity=secret)
    manifest, report = answer["manifest"], answer["report"]
    how = "decrypted and compared" if secret else "compared with the signed manifest"
    told = f"{manifest['id']} is whole: {report['files']} files, {size(report['stored'])}, {how}"
    printer.end(f"{told}.", {"set": manifest["id"], "good": True, **report})
    return DONE
