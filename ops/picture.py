"""`make picture`: the README's picture of the stack, drawn as Mermaid from the resource graph that Pulumi recorded."""

import argparse
import json
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from bootstrap import places
from ops.graph import before, sources
from ops.pulumi import PulumiError, run

BEGIN, END = "<!-- picture: begin -->", "<!-- picture: end -->"
_SHAPES = {
    "docker:index/container:Container": ('["', '"]'),
    "docker:index/volume:Volume": ('[("', '")]'),
    "pulumi-python:dynamic/karen:Initialization": ('(["', '"])'),
    "pulumi-python:dynamic/karen:Verification": ('{{"', '"}}'),
}


def draw(resources: Iterable[Mapping[str, Any]]) -> str:
    """Return a Mermaid flowchart: volumes, servers, initializations, and what waits for what; arrows follow time."""
    by_urn = {str(one["urn"]): one for one in resources}
    shown = {urn for urn, one in by_urn.items() if one["type"] in _SHAPES and not urn.endswith("-secrets")}
    lines = ["flowchart LR"]
    for urn in sorted(shown):
        left, right = _SHAPES[by_urn[urn]["type"]]
        lines.append(f"  {_name(urn)}{left}{_label(urn)}{right}")
    waits = sources(by_urn.values(), shown)
    edges = [
        (source, urn)
        for urn, direct in waits.items()
        for source in direct
        # What another source waits for anyway is not drawn again.
        if not any(source in before(other, waits) for other in direct)
    ]
    lines += [f"  {_name(source)} --> {_name(target)}" for source, target in sorted(edges)]
    return "\n".join(lines)


def _name(urn: str) -> str:
    return urn.rsplit("::", 1)[-1].replace("-", "_")


def _label(urn: str) -> str:
    return urn.rsplit("::", 1)[-1].removesuffix("-container").replace("-", " ")


def replaced(text: str, picture: str) -> str:
    """Return a document with the picture between its two markers."""
    before, rest = text.split(BEGIN)
    return f"{before}{BEGIN}\n```mermaid\n{picture}\n```\n{END}{rest.split(END)[1]}"


def main() -> None:
    """Draw, or with --check exit 1 when the README's picture is not what the stack is."""
    parser = argparse.ArgumentParser(prog="make picture", description=__doc__)
    parser.add_argument("--stack", default="dev")
    parser.add_argument("--check", action="store_true")
    options = parser.parse_args()
    try:
        state = json.loads(run(options.stack, "stack", "export"))
    except PulumiError as error:
        sys.exit(str(error))
    readme = Path(places.CHECKOUT / "README.md")
    text = readme.read_text(encoding="utf-8")
    new = replaced(text, draw(state["deployment"].get("resources") or ()))
    if options.check and new != text:
        sys.exit("README.md shows another graph than the stack has. Fix: make picture")
    if not options.check:
        readme.write_text(new, encoding="utf-8")


if __name__ == "__main__":
    main()
