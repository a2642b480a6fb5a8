"""`./karen migrate`: the commands, with what is imported only when one of them runs."""

from typing import Annotated

import typer

from ops.cli import options
from ops.cli.options import AnyEngine, Engine, Json, Stack, To, Yes, command
from ops.cli.printer import Printer

app = typer.Typer(no_args_is_help=True, help=f"Migrations of every engine.\n\n{options.EXIT_CODES}")
Counts = Annotated[
    bool, typer.Option("--counts", help="Also how much every table, index, collection and bucket holds.")
]
Names = Annotated[list[str] | None, typer.Argument(metavar="[NAMES]...", help="Old versions; all without it.")]
Name = Annotated[str, typer.Argument(metavar="NAME", help="Lower-case words joined by underscores, such as add_tags.")]
Version = Annotated[str, typer.Option("--to", metavar="VERSION", help="A version: 2, 002 or latest.")]


@command(app, "./karen migrate status", "./karen migrate status postgres --json")
def status(engine: AnyEngine = None, stack: Stack = "dev", json: Json = False, counts: Counts = False) -> int:
    """Tell version, pending and dirty migrations, changes by hand and kept old versions of every engine."""
    from ops.cli.migrate import show, survey

    return show.status(survey.survey(stack, engine, counts=counts), Printer(stack, as_json=json))


@command(app, "./karen migrate plan", "./karen migrate plan postgres --to 2")
def plan(engine: AnyEngine = None, to: To = None, stack: Stack = "dev", json: Json = False) -> int:
    """Tell what `up` would do, in order, and everything that stands in its way; nothing is changed."""
    from ops.cli.migrate import changes

    return changes.plan(Printer(stack, as_json=json), engine, to)


@command(app, "./karen migrate up", "./karen migrate up elasticsearch --to 2 --yes", records=("engine", "to"))
def up(engine: AnyEngine = None, to: To = None, yes: Yes = False, stack: Stack = "dev", json: Json = False) -> int:
    """Apply what is pending, through Pulumi. With --to it stops at that version, which the stack's configuration then says.

    It asks only when a pending file says that it removes something; then the engine's name has to be typed.
    """
    from ops.cli.migrate import changes

    return changes.up(Printer(stack, as_json=json), engine, to, yes=yes)


@command(app, "./karen migrate down postgres", "./karen migrate down postgres --to 2 --yes", records=("engine", "to"))
def down(engine: Engine, to: To = None, yes: Yes = False, stack: Stack = "dev", json: Json = False) -> int:
    """Take back everything above a version: without --to, the last migration. The stack's configuration then says so.

    It tells what would be lost, and the engine's name has to be typed. A script names --to: run twice, it then does
    nothing the second time.
    """
    from ops.cli.migrate import backward

    return backward.down(Printer(stack, as_json=json), engine, to, yes=yes)


@command(app, "./karen migrate verify", "./karen migrate verify --json")
def verify(engine: AnyEngine = None, stack: Stack = "dev", json: Json = False) -> int:
    """Compare files, ledgers, their mirror, Pulumi's record and the schemas, and name every difference."""
    from ops.cli.migrate import show, survey

    return show.differences(survey.survey(stack, engine), Printer(stack, as_json=json))


@command(app, "./karen migrate repair postgres", records=("engine",))
def repair(engine: AnyEngine = None, yes: Yes = False, stack: Stack = "dev", json: Json = False) -> int:
    """Make the ledger agree with the files, clear failures, and take the schema as it is. Data is not touched."""
    from ops.cli.migrate import ledgers

    return ledgers.repair(Printer(stack, as_json=json), engine, yes=yes)


@command(app, "./karen migrate baseline postgres --to 3", records=("engine", "to"))
def baseline(engine: Engine, to: Version, yes: Yes = False, stack: Stack = "dev", json: Json = False) -> int:
    """Record migrations as applied without running them, on an engine whose schema is there and whose ledger is not."""
    from ops.cli.migrate import ledgers

    return ledgers.baseline(Printer(stack, as_json=json), engine, to, yes=yes)


@command(
    app,
    "./karen migrate confirm elasticsearch",
    "./karen migrate confirm milvus persona_embeddings_v001 --yes",
    records=("engine", "names"),
)
def confirm(engine: Engine, names: Names = None, yes: Yes = False, stack: Stack = "dev", json: Json = False) -> int:
    """Remove old versions that a change has kept, for good, once the engine's name is typed."""
    from ops.cli.migrate import ledgers

    return ledgers.confirm(Printer(stack, as_json=json), engine, names or [], yes=yes)


@command(app, "./karen migrate new postgres add_tags")
def new(engine: Engine, name: Name, stack: Stack = "dev", json: Json = False) -> int:
    """Write the engine's next migration, and its way back, from a template."""
    from ops.cli.migrate import templates

    return templates.new(Printer(stack, as_json=json), engine, name)
