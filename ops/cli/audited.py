"""A command as the audit record has it: what changes something is recorded before it begins, and when it has ended."""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ops.cli.printer import Printer

_PROGRAM = "./karen "


def audited(
    function: Callable[..., int],
    arguments: Mapping[str, Any],
    printer: Printer,
    example: str,
    kept: Sequence[str] | None,
) -> int:
    """Carry a command out and return its exit code; recorded unless `kept`, the arguments whose values are, is None.

    The name is that of the example. RecordError, before anything is touched, if it cannot be recorded.
    """
    if kept is None or arguments.get("dry_run"):
        return function(**arguments)
    from ops.audit.arguments import recorded as brief
    from ops.audit.session import recorded

    found = re.match(rf"{re.escape(_PROGRAM)}((?:\w+ )*{function.__name__})\b", example)
    assert found is not None
    source = {"from": arguments["stack"]} if arguments.get("stack") not in (None, printer.stack) else {}
    told = brief({**arguments, **source}, [*kept, *source])
    with recorded(printer.stack, f"karen {found[1]}", told, tell=printer.progress) as run:
        run.exit = function(**arguments)
    return run.exit
