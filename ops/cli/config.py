"""`./karen config`: every setting with its type, bounds and default, its value in a stack, and where that comes from."""

from collections.abc import Mapping
from typing import Any

from components.machine import image_source
from components.reference import Entry, entries
from components.rules import HIDDEN, show_default
from components.settings import SECRET, Settings, SettingsError
from ops.cli.errors import DONE, REFUSED, NotAsked
from ops.cli.migrate.pins import configuration, is_encrypted, readable
from ops.cli.printer import Printer

_HEAD = """# Configuration

Every setting of a stack. `./karen config --stack dev` shows the same with the stack's own values;
`pulumi config set ai-karen-db:<key> <value> --stack dev` changes one. A value that cannot work is refused before anything is touched.

This page is made by `make docs`.

| key | type | allowed | default | |
|---|---|---|---|---|
"""

_COLUMNS = ("key", "value", "source", "type", "allowed", "default")


def config(printer: Printer, key: str | None) -> int:
    """Print one setting or all; what is wrong with the stack's configuration decides the exit code."""
    known = entries()
    chosen = [one for one in known if key in (None, one.key)]
    if not chosen:
        raise NotAsked(f"{key!r} is not a setting; allowed: {', '.join(one.key for one in known)}")
    written = configuration(printer.stack)
    rows = [{**_document(one), **_value(one, written, printer.stack)} for one in chosen]
    if key is None:
        _print_table(printer, rows)
    else:
        for name, value in rows[0].items():
            printer.say(f"{name:<8} {value}")
    problems = _problems(written)
    for problem in problems:
        printer.say(problem)
    sentence = f"{len(problems)} to be corrected." if problems else f"{len(rows)} settings." if key is None else ""
    if printer.as_json or sentence:
        printer.end(sentence, {"settings": rows, "problems": problems})
    return REFUSED if problems else DONE


def page() -> str:
    """Return docs/configuration.md."""
    rows = (
        f"| `{one.key}` | {_typed(one)} | {one.allowed} | {_code(one.default)} | {one.about} |\n" for one in entries()
    )
    return _HEAD + "".join(rows)


def _value(one: Entry, written: Mapping[str, Any], stack: str) -> dict[str, str]:
    """Return a setting's value, and where it comes from."""
    if one.key in written:
        if one.field in SECRET or is_encrypted(written[one.key]):
            return {"value": HIDDEN, "source": f"Pulumi.{stack}.yaml"}
        return {"value": show_default(written[one.key]), "source": f"Pulumi.{stack}.yaml"}
    probed = image_source(stack) if one.field == "image_source" else None
    if probed is not None:
        return {"value": probed, "source": "this machine, probed"}
    return {"value": one.default, "source": "default"}


def _problems(written: Mapping[str, Any]) -> list[str]:
    try:
        Settings.parse(readable(written))
    except SettingsError as error:
        return error.problems
    return []


def _document(one: Entry) -> dict[str, str]:
    return {
        "key": one.key, "type": one.type, "unit": one.unit, "allowed": one.allowed, "default": one.default,
        "about": one.about,
    }  # fmt: skip


def _print_table(printer: Printer, rows: list[dict[str, str]]) -> None:
    from rich.table import Table
    from rich.text import Text

    table = Table()
    for column in _COLUMNS:
        table.add_column(column, overflow="fold", no_wrap=column == "key")
    for row in rows:
        style = "" if row["source"] == "default" else "bold"
        # As text: a bracket is no markup.
        table.add_row(*(Text(row[column]) for column in _COLUMNS), style=style)
    printer.table(table)


def _typed(one: Entry) -> str:
    return f"{one.type}, {one.unit}" if one.unit else one.type


def _code(text: str) -> str:
    return f"`{text}`" if text else ""
