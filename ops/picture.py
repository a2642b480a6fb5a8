"""`make picture`: the README's picture of the stack, drawn as Mermaid from the resource graph that Pulumi recorded."""

import argparse
import json
import sys
from collections.abc import Iterable
from pathlib import Path

from bootstrap import places
from ops.graph import Resource, reduced
from ops.pulumi import PulumiError, run

BEGIN, END = "<!-- picture: begin -->", "<!-- picture: end -->"
_SHAPES = {
    "docker:index/container:Container": ('["', '"]'),
    "docker:index/volume:Volume": ('[("', '")]'),
    "pulumi-python:dynamic/karen:Initialization": ('(["', '"])'),
    "pulumi-python:dynamic/karen:Verification": ('{{"', '"}}'),
}


def drawn(resources: Iterable[Resource]) -> dict[str, set[str]]:
    """Return the URNs that a picture shows, volumes, servers, initializations and the verification, and what each waits for."""
    everything = list(resources)
    shown = {str(one["urn"]) for one in everything if one["type"] in _SHAPES and not one["urn"].endswith("-secrets")}
    return reduced(everything, shown)


def mermaid(resources: Iterable[Resource]) -> str:
    """Return a Mermaid flowchart; arrows follow time."""
    everything = list(resources)
    waits, types = drawn(everything), {str(one["urn"]): one["type"] for one in everything}
    lines = ["flowchart LR"]
    for urn in sorted(waits):
        left, right = _SHAPES[types[urn]]
        lines.append(f"  {_name(urn)}{left}{label(urn)}{right}")
    edges = [(source, urn) for urn, direct in waits.items() for source in direct]
    return "\n".join([*lines, *(f"  {_name(source)} --> {_name(target)}" for source, target in sorted(edges))])


def label(urn: str) -> str:
    """Return what stands in a node."""
    return urn.rsplit("::", 1)[-1].removesuffix("-container").replace("-", " ")


def _name(urn: str) -> str:
    return urn.rsplit("::", 1)[-1].replace("-", "_")


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
    new = replaced(text, mermaid(state["deployment"].get("resources") or ()))
    if options.check and new != text:
        sys.exit("README.md shows another graph than the stack has. Fix: make picture")
    if not options.check:
        readme.write_text(new, encoding="utf-8")


if __name__ == "__main__":
    main()
