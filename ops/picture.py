"""`make picture`: the README's picture of the stack, drawn as Mermaid from the resource graph that Pulumi recorded."""

import argparse
import json
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from bootstrap import places
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
    sources = {urn: _sources(urn, by_urn, shown) for urn in shown}
    edges = [
        (source, urn)
        for urn, direct in sources.items()
        for source in direct
        # What another source waits for anyway is not drawn again.
        if not any(source in _before(other, sources) for other in direct)
    ]
    lines += [f"  {_name(source)} --> {_name(target)}" for source, target in sorted(edges)]
    return "\n".join(lines)


def _sources(urn: str, by_urn: Mapping[str, Mapping[str, Any]], shown: set[str]) -> set[str]:
    """Return the nearest shown resources that one depends on, looking through those that are not shown."""
    found: set[str] = set()
    waiting, seen = _dependencies(urn, by_urn), set()
    while waiting:
        one = waiting.pop()
        if one in seen or one not in by_urn:
            continue
        seen.add(one)
        if one in shown:
            found.add(one)
        else:
            waiting.extend(_dependencies(one, by_urn))
    return found


def _before(urn: str, sources: Mapping[str, set[str]]) -> set[str]:
    """Return everything that comes before a resource, near and far."""
    return sources[urn].union(*(_before(one, sources) for one in sources[urn]))


def _dependencies(urn: str, by_urn: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Return what a resource waits for itself, and what the components that it is part of wait for."""
    found: list[str] = []
    while urn in by_urn:
        found += by_urn[urn].get("dependencies") or ()
        urn = str(by_urn[urn].get("parent"))
    return found


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
