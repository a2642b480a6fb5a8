"""What the commands have in common: options, exit codes, and how errors end them."""

from collections.abc import Callable, Sequence
from functools import wraps
from inspect import cleandoc
from typing import Annotated, Any

import typer

from ops.cli import completion
from ops.cli.audited import audited
from ops.cli.errors import DONE, INTERRUPTED, NOT_ASKED, CommandError
from ops.cli.printer import Printer
from ops.engine_errors import engine_errors, told

EXIT_CODES = (
    "Exit codes: 0 done or clean, 1 refused or something is wrong, 2 could not be asked or bad usage, 130 interrupted."
)
_AGAIN = "Run the same command again: it goes on where this one stopped."
Stack = Annotated[
    str, typer.Option("--stack", "-s", help="The stack.", show_default=True, autocompletion=completion.stacks)
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document, with its version as `schema`.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask for leave.")]
To = Annotated[str | None, typer.Option("--to", metavar="VERSION", help="A version: 2, 002 or latest.")]
_ENGINES = "One of postgres, duckdb, elasticsearch, milvus and minio"
Engine = Annotated[str, typer.Argument(metavar="ENGINE", help=f"{_ENGINES}.", autocompletion=completion.migrated)]
AnyEngine = Annotated[
    str | None,
    typer.Argument(metavar="[ENGINE]", help=f"{_ENGINES}; all without it.", autocompletion=completion.migrated),
]


def command(
    group: typer.Typer, *examples: str, again: str = _AGAIN, records: Sequence[str] | None = None
) -> Callable[[Callable[..., int]], Callable[..., None]]:
    """Register a function as a command of a group; it returns its exit code. Its help ends with the examples.

    `again` is what to do after an interruption. `records` is for a command that changes something: the audit record has it, with
    the values of these arguments.
    """

    def register(function: Callable[..., int]) -> Callable[..., None]:
        @wraps(function)
        def run(**arguments: Any) -> None:
            # A restore into another stack is about that one.
            stack = arguments.get("into") or arguments.get("stack", "dev")
            printer = Printer(stack, as_json=arguments.get("json", False))
            try:
                code = audited(function, arguments, printer, examples[0], records)
            except CommandError as error:
                printer.fail(str(error), error.code)
                code = error.code
            except KeyboardInterrupt:
                printer.fail(f"Interrupted. {again}".strip(), INTERRUPTED)
                code = INTERRUPTED
            except engine_errors() as error:
                fix = f"Fix: ./karen doctor --stack {printer.stack}"
                printer.fail(f"The container engine did not do what it was asked: {told(error)}. {fix}", NOT_ASKED)
                code = NOT_ASKED
            if code != DONE:
                raise typer.Exit(code)

        shown = "\n\n".join(f"{'Example' if number == 0 else 'Or'}: {text}" for number, text in enumerate(examples))
        text = f"{cleandoc(function.__doc__ or '')}\n\n{shown}\n\n{EXIT_CODES}"
        group.command(name=function.__name__, help=text)(run)
        return run

    return register
