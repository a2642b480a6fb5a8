"""The commands about servers, with what is imported only when one of them runs."""

from typing import Annotated

import typer

from ops.cli import completion
from ops.cli.options import Json, Stack, Yes, command
from ops.cli.printer import Printer

_ONE = "postgres, redis, duckdb, elasticsearch, milvus or minio."
Services = Annotated[
    list[str] | None,
    typer.Argument(metavar="[SERVICE]...", help="Servers; all without it.", autocompletion=completion.servers),
]
Service = Annotated[
    str | None,
    typer.Argument(metavar="[SERVICE]", help="One service; all without it.", autocompletion=completion.engines),
]
One = Annotated[str, typer.Argument(metavar="SERVICE", help=_ONE, autocompletion=completion.engines)]
Follow = Annotated[bool, typer.Option("--follow", "-f", help="Go on with what comes, until interrupted.")]
Since = Annotated[str | None, typer.Option("--since", metavar="TIME", help="90s, 10m, 2h or 1d ago, or an ISO time.")]
Grep = Annotated[str | None, typer.Option("--grep", metavar="PATTERN", help="Only lines with this regular expression.")]
Tail = Annotated[int, typer.Option("--tail", min=0, help="How many lines of each server, without --since.")]
Format = Annotated[str, typer.Option("--format", metavar="FORM", help="env, url, python or docker.")]
From = Annotated[
    str, typer.Option("--from", metavar="PLACE", help="host, or network: from a container of the stack's.")
]

Confirm = Annotated[
    str | None, typer.Option("--confirm", metavar="STACK", help="The stack's name, instead of typing it.")
]
Wait = Annotated[bool, typer.Option("--wait", help="First wait for what is starting, three minutes at most.")]
Picture = Annotated[str, typer.Option("--format", metavar="FORM", help="mermaid or svg.")]


def register(app: typer.Typer) -> None:
    """Add the commands to the program."""
    _register_looking(app)
    _register_lifecycle(app)
    _register_reaching(app)
    _register_reset(app)


def _register_looking(app: typer.Typer) -> None:
    @command(app, "./karen status", "./karen status --json")
    def status(wait: Wait = False, stack: Stack = "dev", json: Json = False) -> int:
        """Tell state, version, use of processors, memory and disk of every server, without asking the engines."""
        from ops.cli.services import status as told

        return told.status(Printer(stack, as_json=json), wait=wait)

    @command(app, "./karen health", "./karen health --json")
    def health(stack: Stack = "dev", json: Json = False) -> int:
        """Ask every engine a real query now, and tell what a failure comes from. Exit 2 when it could not be told."""
        from ops.cli.services import health as told

        return told.health(Printer(stack, as_json=json))


def _register_lifecycle(app: typer.Typer) -> None:
    @command(app, "./karen start", "./karen start milvus", records=("services",))
    def start(services: Services = None, stack: Stack = "dev", json: Json = False) -> int:
        """Start servers that do not run, each after what it needs, and wait until they are healthy."""
        from ops.cli.services import lifecycle

        return lifecycle.start(Printer(stack, as_json=json), services or [])

    @command(app, "./karen stop", "./karen stop milvus", records=("services",))
    def stop(services: Services = None, stack: Stack = "dev", json: Json = False) -> int:
        """Stop servers in good order, each before what it needs. Their data stays, and so does what Pulumi recorded."""
        from ops.cli.services import lifecycle

        return lifecycle.stop(Printer(stack, as_json=json), services or [])

    @command(app, "./karen restart", "./karen restart etcd", records=("services",))
    def restart(services: Services = None, stack: Stack = "dev", json: Json = False) -> int:
        """Stop servers, with those that need them, and start them again."""
        from ops.cli.services import lifecycle

        return lifecycle.restart(Printer(stack, as_json=json), services or [])


def _register_reaching(app: typer.Typer) -> None:
    @command(app, "./karen logs", "./karen logs postgres milvus -f --since 10m --grep error", again="")
    def logs(
        services: Services = None,
        follow: Follow = False,
        since: Since = None,
        grep: Grep = None,
        tail: Tail = 100,
        stack: Stack = "dev",
        json: Json = False,
    ) -> int:
        """Print the servers' logs, merged by time; with --json a document in each line."""
        from ops.cli.services import logs as told

        printer = Printer(stack, as_json=json)
        return told.logs(printer, services or [], follow=follow, since=since, pattern=grep, tail=tail)

    piped = "echo 'print(client.info())' | ./karen shell elasticsearch"

    @command(app, "./karen shell postgres", piped, again="", records=("service",))
    def shell(service: One, stack: Stack = "dev") -> int:
        """Open the client of an engine: psql, redis-cli, or a Python prompt with DuckDB's, Elasticsearch's, Milvus' or MinIO's."""
        from ops.cli.services import shell as opened

        return opened.shell(Printer(stack), service)

    @command(app, "./karen graph", "./karen graph --format svg > stack.svg")
    def graph(form: Picture = "mermaid", stack: Stack = "dev", json: Json = False) -> int:
        """Print the picture of a stack: volumes, servers and initializations, and what waits for what."""
        from ops.cli.services import picture

        return picture.graph(Printer(stack, as_json=json), form)

    @command(app, "./karen connect", "./karen connect postgres --format url --from network")
    def connect(
        service: Service = None, form: Format = "env", place: From = "host", stack: Stack = "dev", json: Json = False
    ) -> int:
        """Print how an application reaches a service. It holds passwords."""
        from ops.cli.services import connect as told

        return told.connect(Printer(stack, as_json=json), service, form, place)


def _register_reset(app: typer.Typer) -> None:
    @command(app, "./karen reset", "./karen reset --yes", "./karen reset --stack prod --confirm prod", records=())
    def reset(yes: Yes = False, confirm: Confirm = None, stack: Stack = "dev", json: Json = False) -> int:
        """Empty every engine and initialize it again, as a new stack would be; containers, users and passwords stay.

        It shows what will be lost and asks. In production the stack's name has to be typed. Applications should be stopped:
        what they write meanwhile may be lost, or be in the way.
        """
        from ops.cli.services import reset as emptied

        return emptied.reset(Printer(stack, as_json=json), yes=yes, confirm=confirm)
