"""`graph`: the stack's picture, from the resource graph that Pulumi recorded."""

from collections.abc import Callable, Iterable, Mapping

from ops.cli import recorded
from ops.cli.errors import DONE, NotAsked
from ops.cli.printer import Printer
from ops.drawing import svg
from ops.graph import Resource
from ops.picture import drawn, label, mermaid


def graph(printer: Printer, form: str) -> int:
    """Print the picture in a form."""
    if form not in FORMS:
        raise NotAsked(f"--format is {form!r}; allowed: {', '.join(FORMS)}")
    found = recorded.resources(printer.stack)
    waits = drawn(found)
    if not waits:
        raise NotAsked(f"The stack {printer.stack} is not up. Fix: make up STACK={printer.stack}")
    if printer.as_json:
        nodes = {label(urn): sorted(map(label, direct)) for urn, direct in sorted(waits.items())}
        printer.end("", {"waits_for": nodes})
    else:
        print(FORMS[form](found), flush=True)
    return DONE


def _svg(resources: Iterable[Resource]) -> str:
    waits = drawn(resources)
    return svg({urn: label(urn) for urn in waits}, waits)


FORMS: Mapping[str, Callable[[Iterable[Resource]], str]] = {"mermaid": mermaid, "svg": _svg}
