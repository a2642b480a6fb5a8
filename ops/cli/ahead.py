"""A head start: the container that a command asks imports its clients while this process imports the command's libraries."""

import atexit
from collections.abc import Sequence
from contextlib import suppress

from ops.cli.migrate.asking import Asking
from ops.cli.migrate.survey import offer

_ASKING = ("status", "plan", "up", "down", "verify", "repair")
_WITH_VALUE = ("--stack", "-s", "--to")


def begin(arguments: Sequence[str]) -> None:
    """Begin to ask the stack that the arguments name, if it is certain that the command asks it; errors are the command's."""
    if (
        list(arguments[:1]) != ["migrate"]
        or arguments[1:2] == []
        or arguments[1] not in _ASKING
        or "--help" in arguments
    ):
        return
    stack, names = parsed(arguments[2:])
    if len(names) > 1:
        return
    # The command meets it again, and tells it.
    with suppress(Exception):
        asking = Asking(stack, names[0] if names else None)
        atexit.register(asking.close)
        offer(asking)


def parsed(arguments: Sequence[str]) -> tuple[str, list[str]]:
    """Return the stack and what is no option."""
    stack, names, previous = "dev", [], ""
    for argument in arguments:
        if previous in ("--stack", "-s"):
            stack = argument
        elif argument.startswith("--stack="):
            stack = argument.removeprefix("--stack=")
        elif argument.startswith("-s") and not argument.startswith("--") and len(argument) > 2:
            stack = argument[2:]
        elif previous not in _WITH_VALUE and not argument.startswith("-"):
            names.append(argument)
        previous = argument
    return stack, names
