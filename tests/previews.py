"""`make previews`: bring a stack up, record the previews that docs/preview.md shows, and write them into that page."""

import json
import os
import tempfile
from pathlib import Path

from bootstrap import places
from ops.cli.preview import render
from ops.cli.preview.making import make
from ops.cli.preview.review import review
from tests.e2e.live import LiveStack
from tests.previewing import PAGE, RECORDED, SCENARIOS, STACK, Scenario, asked, kept, with_example


def record(stack: LiveStack, name: str, scenario: Scenario) -> str:
    """Write what Pulumi tells of a change, and return the comment about it."""
    before = os.environ.get("KAREN_DATA")
    with (
        tempfile.TemporaryDirectory(prefix="karen-") as directory,
        asked(stack, scenario, Path(directory)) as variables,
    ):
        os.environ["KAREN_DATA"] = variables["KAREN_DATA"]
        try:
            document, mask = make(stack.name)
        finally:
            os.environ.pop("KAREN_DATA")
            os.environ.update({"KAREN_DATA": before} if before else {})
    text = json.dumps(kept(document), indent=1, sort_keys=True).replace(str(places.home()), "$KAREN_HOME")
    (RECORDED / f"{name}.json").write_text(mask(text) + "\n")
    return mask(render.markdown(review(stack.name, mask.preview(document), declared=document)))


def main() -> None:
    """Record every scenario; the stack is removed afterwards."""
    stack = LiveStack(STACK)
    stack.create()
    RECORDED.mkdir(parents=True, exist_ok=True)
    try:
        stack.up()
        page = PAGE.read_text()
        for name, scenario in SCENARIOS.items():
            page = with_example(page, name, record(stack, name, scenario))
        PAGE.write_text(page)
    finally:
        stack.erase()


if __name__ == "__main__":
    main()
