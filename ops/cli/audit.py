"""`./karen audit`: who changed what on a stack, and when; and whether the record of it is what was written."""

from pathlib import Path
from typing import Annotated

import typer

from ops.cli import options
from ops.cli.options import Json, Stack, command
from ops.cli.printer import Printer

app = typer.Typer(no_args_is_help=True, help=f"The audit record: who changed what, and when.\n\n{options.EXIT_CODES}")
_LOOKED = "Nothing was changed."
Last = Annotated[int, typer.Option("--last", metavar="NUMBER", min=1, help="How many of the newest.")]
File = Annotated[
    Path | None, typer.Option("--file", metavar="FILE", help="An export, instead of the record of this machine.")
]
Public = Annotated[
    str | None, typer.Option("--public", metavar="KEY", help="The public key that must have signed the end of it.")
]
Write = Annotated[Path | None, typer.Option("--write", metavar="FILE", help="Write it there, readable by you alone.")]


@command(app, "./karen audit verify", "./karen audit verify --file dev.jsonl --public KEY", again=_LOOKED)
def verify(file: File = None, public: Public = None, stack: Stack = "dev", json: Json = False) -> int:
    """Compare the record with itself, its signatures, and what PostgreSQL and the backups remember of it. Nothing is changed.

    Exit 1 when an entry was edited, removed, moved, put in, or signed by another key; 2 when not everybody could be asked.
    """
    from ops.audit import verifying

    printer = Printer(stack, as_json=json)
    if file is not None:
        return verifying.export(printer, file, public)
    return verifying.verify(printer, public)


@command(app, "./karen audit export --write dev.jsonl", "./karen audit export --json", again=_LOOKED)
def export(write: Write = None, stack: Stack = "dev", json: Json = False) -> int:
    """Print the record as it is, an entry in each line: with the public key, anybody can verify it anywhere."""
    from ops.audit import showing

    return showing.export(Printer(stack, as_json=json), write)


@command(app, "./karen audit show", "./karen audit show --last 100 --json", again=_LOOKED)
def show(last: Last = 20, stack: Stack = "dev", json: Json = False) -> int:
    """Show the newest commands and direct updates: when, who, from which commit, what, and what became of it."""
    from ops.audit import showing

    return showing.show(Printer(stack, as_json=json), last)
