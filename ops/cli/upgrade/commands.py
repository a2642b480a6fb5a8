"""`./karen upgrade`."""

from typing import Annotated

import typer

from components.versions import UPGRADABLE
from ops.cli.options import Json, Stack, Yes, command
from ops.cli.printer import Printer

Service = Annotated[
    str,
    typer.Argument(metavar="SERVICE", help=f"{', '.join(UPGRADABLE)}.", autocompletion=lambda: list(UPGRADABLE)),
]
GiveUp = Annotated[bool, typer.Option("--give-up", help="Have all as before an upgrade that was cut off.")]


def register(app: typer.Typer) -> None:
    """Add the command to the program."""

    @command(app, "./karen upgrade postgres", "./karen upgrade postgres --give-up", records=("service", "give_up"))
    def upgrade(
        service: Service, give_up: GiveUp = False, yes: Yes = False, stack: Stack = "dev", json: Json = False
    ) -> int:
        """Bring an engine's data to the major version of this checkout's image: into a new volume, from a set that is checked.

        Applications do not reach the engine meanwhile. What fails leaves the old data and server; what was cut off is finished by the
        same command. The old volume is kept.
        """
        from ops.cli.upgrade import upgrading

        return upgrading.upgrade(Printer(stack, as_json=json), service, yes=yes, give_up=give_up)
