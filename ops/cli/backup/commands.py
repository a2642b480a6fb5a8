"""`./karen backup`: the commands, with what is imported only when one of them runs."""

from pathlib import Path
from typing import Annotated

import typer

from ops.cli import completion, options
from ops.cli.options import Json, Stack, Yes, command
from ops.cli.printer import Printer

app = typer.Typer(
    no_args_is_help=True, help=f"Backups: sets of every engine, proven by restoring.\n\n{options.EXIT_CODES}"
)
_LOOKED = "Nothing was changed."
_SCHEDULE = typer.Typer(no_args_is_help=True, help=f"When sets are made by themselves.\n\n{options.EXIT_CODES}")
app.add_typer(_SCHEDULE, name="schedule")

Only = Annotated[
    list[str] | None,
    typer.Option(
        "--only", metavar="ENGINE", help="Only this engine; may be repeated.", autocompletion=completion.engines
    ),
]
Label = Annotated[str, typer.Option("--label", help="A name for people, by which the set can be found.")]
Set = Annotated[
    str, typer.Argument(metavar="[SET]", help="An id or its beginning, a label, or latest, the newest good one.")
]
Into = Annotated[
    str | None,
    typer.Option("--into", metavar="STACK", help="Another stack, which is up.", autocompletion=completion.stacks),
]
At = Annotated[
    str | None,
    typer.Option("--at", metavar="TIME", help="PostgreSQL as it was then, the rest from the newest set not later."),
]
IdentityFile = Annotated[
    Path | None,
    typer.Option("--identity", metavar="FILE", help="The file that opens sets; without it, what Pulumi has recorded."),
]
Target = Annotated[
    str | None,
    typer.Option(
        "--target", metavar="PLACE", help="A directory or s3://bucket/prefix, where the stack itself is gone."
    ),
]
Confirm = Annotated[
    str | None, typer.Option("--confirm", metavar="STACK", help="The stack's name, instead of typing it.")
]
Deep = Annotated[bool, typer.Option("--deep", help="Also decrypt and decompress everything.")]
Mask = Annotated[
    Path | None,
    typer.Option("--mask", metavar="FILE", help="SQL that PostgreSQL executes before anybody can reach it."),
]
GiveUp = Annotated[
    bool,
    typer.Option("--give-up", help="Give up a restore whose exchange fails each time: what was there comes back."),
]
Damaged = Annotated[
    bool,
    typer.Option("--damaged", help="Every engine whose data are damaged, as far as restoreDamaged names it."),
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only tell what would be removed.")]
Cold = Annotated[
    bool,
    typer.Option("--cold", help="Milvus as a copy of its volumes and of etcd's and MinIO's, which are stopped for it."),
]
Logical = Annotated[bool, typer.Option("--logical", help="PostgreSQL as dumps, which another major version can read.")]
Write = Annotated[Path | None, typer.Option("--write", metavar="FILE", help="Write it there, readable by you alone.")]


@command(
    app,
    "./karen backup create",
    "./karen backup create --only postgres --label before-the-upgrade",
    again="What there is of the set is no set, and is removed when the next one is made.",
    records=("label", "only"),
)
def create(
    only: Only = None,
    label: Label = "",
    cold: Cold = False,
    logical: Logical = False,
    stack: Stack = "dev",
    json: Json = False,
) -> int:
    """Make a set now: every engine with its own tool, while applications go on, encrypted, checksummed and signed.

    With --cold Milvus, etcd and MinIO stand still meanwhile; what is copied so goes back into the same stack only.
    With --logical PostgreSQL is restored as of the set only, never with --at, and its other roles cannot log in afterwards.
    """
    from ops.cli.backup import making

    return making.create(Printer(stack, as_json=json), only or [], label, stopped=cold, logical=logical)


@command(app, "./karen backup list", "./karen backup list --json")
def list(stack: Stack = "dev", json: Json = False) -> int:  # noqa: A001 - the command's name
    """List the sets, the newest first, with what is wrong with any."""
    from ops.cli.backup import showing

    return showing.listing(Printer(stack, as_json=json))


@command(app, "./karen backup show", "./karen backup show 20261122T0200")
def show(wanted: Set = "latest", stack: Stack = "dev", json: Json = False) -> int:
    """Show what a set holds: per engine tool, versions, counts, checksums, sizes and times."""
    from ops.cli.backup import showing

    return showing.show(Printer(stack, as_json=json), wanted)


@command(app, "./karen backup verify", "./karen backup verify latest --deep", again=_LOOKED)
def verify(
    wanted: Set = "latest", deep: Deep = False, identity: IdentityFile = None, stack: Stack = "dev", json: Json = False
) -> int:
    """Check a set's signature and every file's checksum; with --deep also that everything can be decrypted."""
    from ops.cli.backup import showing

    return showing.verify(Printer(stack, as_json=json), wanted, deep=deep, identity=identity)


@command(
    app,
    "./karen backup restore",
    "./karen backup restore latest --only redis --confirm dev",
    "./karen backup restore --stack prod --into dev",
    "./karen backup restore --at 2026-11-22T10:15:00Z",
    "./karen backup restore --give-up",
    "./karen backup restore --damaged",
    records=("at", "into", "only", "wanted"),
)
def restore(
    wanted: Set = "latest",
    into: Into = None,
    only: Only = None,
    at: At = None,
    mask: Mask = None,
    identity: IdentityFile = None,
    target: Target = None,
    confirm: Confirm = None,
    give_up: GiveUp = False,
    damaged: Damaged = False,
    stack: Stack = "dev",
    json: Json = False,
) -> int:
    """Put a set in the place of what a stack holds, once the stack's name has been typed.

    The set is checked first. It is loaded beside the data and compared, then exchanged with them: interrupted before that, the
    old data are there; interrupted after it, the same command finishes, and --give-up is for one that cannot be finished. The stack's own passwords stay as they are.
    With --damaged every engine is asked first, as by ./karen health, and the configuration takes the place of the stack's name.
    """
    from ops.cli.backup import giving_up, mending, restoring
    from ops.cli.backup.asked import Asked

    asked = Asked(
        stack=stack, into=into or stack, wanted=wanted, only=tuple(only or ()), at=at, mask=mask, identity=identity,
        target=target, confirm=confirm,
    )  # fmt: skip
    if damaged:
        return mending.mend(Printer(stack, as_json=json), asked, give_up=give_up)
    return (giving_up.give_up if give_up else restoring.restore)(Printer(asked.into, as_json=json), asked)


@command(
    app,
    "./karen backup drill",
    "./karen backup drill --target /mnt/backups --identity dev.identity",
    again="What may be left of the throw-away stack is removed by the next drill.",
    records=("wanted",),
)
def drill(
    wanted: Set = "latest",
    identity: IdentityFile = None,
    target: Target = None,
    stack: Stack = "dev",
    json: Json = False,
) -> int:
    """Restore a set into a throw-away stack, compare and search it, tell how long it took, and remove the stack."""
    from ops.cli.backup import drilling

    return drilling.drill(Printer(stack, as_json=json), wanted, identity=identity, target=target)


@command(app, "./karen backup prune --dry-run", "./karen backup prune --yes", records=())
def prune(dry_run: DryRun = False, yes: Yes = False, stack: Stack = "dev", json: Json = False) -> int:
    """Remove the sets that the retention does not keep; never the newest good one."""
    from ops.cli.backup import pruning

    return pruning.prune(Printer(stack, as_json=json), dry_run=dry_run, yes=yes)


@command(app, "./karen backup identity --write dev.identity", records=())
def identity(write: Write = None, stack: Stack = "dev") -> int:
    """Print what opens the stack's sets. Keep it apart from this machine and from the sets: without it they are lost."""
    from ops.cli.backup import identities

    return identities.identity(Printer(stack), write)


def _register_schedule() -> None:
    @command(_SCHEDULE, "./karen backup schedule show")
    def show(stack: Stack = "dev", json: Json = False) -> int:
        """Tell when sets are made, when the next one is, what became of the last, and what was missed."""
        from ops.cli.backup import scheduled

        return scheduled.show(Printer(stack, as_json=json))


_register_schedule()
