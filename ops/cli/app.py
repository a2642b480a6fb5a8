"""All commands of `./karen`."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from typer.exceptions import TyperException

from ops.cli import audit, completion, options
from ops.cli.backup import commands as backup
from ops.cli.certificates import commands as certificates
from ops.cli.errors import DONE
from ops.cli.migrate import commands as migrate
from ops.cli.options import Json, Stack, Yes, command
from ops.cli.printer import Printer
from ops.cli.rotate import commands as rotate
from ops.cli.services import commands as services
from ops.cli.upgrade import commands as upgrade

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help=f"Look after a stack that is up.\n\nExample: ./karen migrate status\n\n{options.EXIT_CODES}",
)
services.register(app)
rotate.register(app)
upgrade.register(app)
app.add_typer(migrate.app, name="migrate")
app.add_typer(backup.app, name="backup")
app.add_typer(audit.app, name="audit")
app.add_typer(certificates.app, name="certificates")
LoadEngine = Annotated[
    str, typer.Argument(metavar="ENGINE", help="Where the data goes.", autocompletion=completion.loaded)
]
Target = Annotated[str, typer.Argument(metavar="TARGET", help="A table, an index, or a collection.")]
File = Annotated[Path, typer.Argument(metavar="FILE", help="The data.", exists=True, dir_okay=False, readable=True)]

DryRun = Annotated[bool, typer.Option("--dry-run", help="Only tell what differs.")]
Key = Annotated[str | None, typer.Argument(metavar="[KEY]", help="One setting; all without it.")]
Markdown = Annotated[bool, typer.Option("--markdown", help="Print docs/configuration.md instead.")]
Comment = Annotated[bool, typer.Option("--markdown", help="Print a comment for a pull request.")]


@command(
    app,
    "./karen load postgres memory memory.csv",
    again="Nothing is in PostgreSQL or DuckDB; in Elasticsearch or Milvus count first what is.",
    records=("engine", "target"),
)
def load(engine: LoadEngine, target: Target, file: File, stack: Stack = "dev", json: Json = False) -> int:
    """Load a file into a table, an index or a collection, by the engine's means for much data."""
    from ops.cli import loading

    return loading.load(Printer(stack, as_json=json), engine, target, file)


@command(app, "./karen destroy", "./karen destroy --stack prod --yes", records=())
def destroy(yes: Yes = False, stack: Stack = "dev", json: Json = False) -> int:
    """Remove a stack's containers and networks; volumes, passwords and keys stay, and `make up` takes them over.

    With all data, a stack is removed by `make erase`, once its name has been typed.
    """
    from ops.cli import destroying

    return destroying.destroy(Printer(stack, as_json=json), yes=yes)


@command(app, "./karen doctor", "./karen doctor --stack prod --json")
def doctor(stack: Stack = "dev", json: Json = False) -> int:
    """Look for everything that may keep a stack from working, and name the command that mends it. Nothing is changed."""
    from ops.cli.doctor import examine

    return examine.doctor(Printer(stack, as_json=json))


@command(app, "./karen reconcile --dry-run", "./karen reconcile --yes", records=())
def reconcile(dry_run: DryRun = False, yes: Yes = False, stack: Stack = "dev", json: Json = False) -> int:
    """Make documents and vectors of memories what PostgreSQL's rows say, as after a restore to different moments."""
    from ops.cli import reconcile as repaired

    return repaired.reconcile(Printer(stack, as_json=json), dry_run=dry_run, yes=yes)


@command(app, "./karen config", "./karen config postgresMemory --stack prod")
def config(key: Key = None, stack: Stack = "dev", json: Json = False, markdown: Markdown = False) -> int:
    """Show every setting with its type, bounds, default, value, and where the value comes from."""
    from ops.cli import config as settings

    if markdown:
        print(settings.page(), end="")
        return DONE
    return settings.config(Printer(stack, as_json=json), key)


@command(app, "./karen preview", "./karen preview --stack prod --markdown")
def preview(stack: Stack = "dev", json: Json = False, markdown: Comment = False) -> int:
    """Tell what an update would do, by what it puts at risk, and which rules it would break. Nothing is changed."""
    from ops.cli.preview import command as previewed

    return previewed.preview(Printer(stack, as_json=json), markdown=markdown)


def main(arguments: Sequence[str]) -> None:
    """Run the command that was asked for; with `--json`, a mistake in it is told as a document as well."""
    if completion.asked(arguments):
        completion.prepare()
        app(list(arguments), prog_name=completion.PROGRAM)
    if "--json" not in arguments:
        app(list(arguments), prog_name="./karen")
    try:
        sys.exit(app(list(arguments), prog_name="./karen", standalone_mode=False))
    except TyperException as error:
        from ops.cli.ahead import parsed

        Printer(parsed(arguments)[0], as_json=True).fail(error.format_message(), error.exit_code)
        sys.exit(error.exit_code)
