"""`./karen rotate`."""

from pathlib import Path
from typing import Annotated

import typer

from components.serials import PASSWORDS
from ops.cli.options import Json, Stack, Yes, command
from ops.cli.printer import Printer

Service = Annotated[
    str,
    typer.Argument(
        metavar="SERVICE", help=f"{', '.join(PASSWORDS)}, or all.", autocompletion=lambda: [*PASSWORDS, "all"]
    ),
]
Files = Annotated[
    list[Path] | None,
    typer.Option(
        "--env-file",
        metavar="FILE",
        dir_okay=False,
        help="Variables of an application, replaced the moment the server has them.",
    ),
]
From = Annotated[str, typer.Option("--from", metavar="PLACE", help="host or network: what such a file is for.")]
Application = Annotated[bool, typer.Option("--application", help="Leave the passwords that no application is given.")]


def register(app: typer.Typer) -> None:
    """Add the command to the program."""

    @command(
        app,
        "./karen rotate postgres --env-file .env",
        "./karen rotate all --application --env-file app.env --from network --stack prod --yes",
        records=("service", "application"),
    )
    def rotate(
        service: Service,
        files: Files = None,
        place: From = "host",
        application: Application = False,
        yes: Yes = False,
        stack: Stack = "dev",
        json: Json = False,
    ) -> int:
        """Change the passwords of a service, or of all: in the server first, and in Pulumi's state second.

        Applications have to read theirs again: at once with --env-file, else with `make env` afterwards. A rotation that was cut off is
        finished by the same command.
        """
        from ops.cli.rotate import rotation

        asked = rotation.Asked(service, application, tuple(files or ()), place)
        return rotation.rotate(Printer(stack, as_json=json), asked, yes=yes)
