"""All commands of `./karen`."""

from pathlib import Path
from typing import Annotated

import typer

from ops.cli import migrate, options
from ops.cli.options import Json, Stack, command
from ops.cli.printer import Printer

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help=f"Look after a stack that is up.\n\nExample: ./karen migrate status\n\n{options.EXIT_CODES}",
)
app.add_typer(migrate.app, name="migrate")
LoadEngine = Annotated[str, typer.Argument(metavar="ENGINE", help="Where the data goes.")]
Target = Annotated[str, typer.Argument(metavar="TARGET", help="A table, an index, or a collection.")]
File = Annotated[Path, typer.Argument(metavar="FILE", help="The data.", exists=True, dir_okay=False, readable=True)]


@command(app, "./karen load postgres memory memory.csv")
def load(engine: LoadEngine, target: Target, file: File, stack: Stack = "dev", json: Json = False) -> int:
    """Load a file into a table, an index or a collection, by the engine's means for much data."""
    from ops.cli import loading

    return loading.load(Printer(stack, as_json=json), engine, target, file)


def main() -> None:
    """Run the command that was asked for."""
    app(prog_name="./karen")
