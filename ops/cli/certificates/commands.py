"""The commands of `./karen certificates`."""

from typing import Annotated

import typer

from ops.cli import options
from ops.cli.options import Json, Stack, Yes, command
from ops.cli.printer import Printer

app = typer.Typer(no_args_is_help=True, help=f"Certificates of a stack's private authority.\n\n{options.EXIT_CODES}")
_LOOKED = "Nothing was changed."
Service = Annotated[str, typer.Argument(metavar="[SERVICE]", help="Whose; all without it.", show_default=False)]


@command(app, "./karen certificates show", "./karen certificates show --stack prod --json", again=_LOOKED)
def show(stack: Stack = "dev", json: Json = False) -> int:
    """Tell until when each certificate is accepted; exit 1 when one expires within 30 days, or has expired."""
    from ops.cli.certificates import showing

    return showing.show(Printer(stack, as_json=json))


@command(app, "./karen certificates authority > ca.crt", "./karen certificates authority --json", again=_LOOKED)
def authority(stack: Stack = "dev", json: Json = False) -> int:
    """Print the authority's certificate, with which a client verifies every server of the stack."""
    from ops.cli.certificates import showing

    return showing.authority(Printer(stack, as_json=json))


@command(app, "./karen certificates renew", "./karen certificates renew redis --stack prod --yes", records=("service",))
def renew(service: Service = "all", yes: Yes = False, stack: Stack = "dev", json: Json = False) -> int:
    """Give a server, or each of them, a new certificate and a new key, and start it again with them; data and passwords stay.

    An update does the same by itself in a certificate's last 30 days.
    """
    from ops.cli.certificates import renewing

    return renewing.renew(Printer(stack, as_json=json), service, yes=yes)
