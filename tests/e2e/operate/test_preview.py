"""A preview of a live stack is the comment that docs/preview.md shows; it changes nothing and tells no secret."""

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from bootstrap import places, state
from tests.e2e.live import LiveStack
from tests.previewing import PAGE, SCENARIOS, asked, example, numbered

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]
NAMES = [name if name != "policy" else pytest.param(name, marks=pytest.mark.full) for name in SCENARIOS]


def preview(
    stack: str, *arguments: str, variables: Mapping[str, str], code: int = 0
) -> "subprocess.CompletedProcess[str]":
    done = subprocess.run(
        [places.CHECKOUT / "karen", "preview", "--stack", stack, *arguments],
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )
    assert done.returncode == code, f"{done.stdout}\n{done.stderr}"
    return done


@pytest.mark.parametrize("name", NAMES)
def test_a_change_is_told_as_the_page_shows_it(stack: LiveStack, tmp_path: Path, name: str) -> None:
    recorded = state.stack_file(stack.name).read_bytes()
    with asked(stack, SCENARIOS[name], tmp_path) as variables:
        printed = preview(stack.name, "--markdown", variables=variables, code=SCENARIOS[name].code).stdout
    assert numbered(printed) == numbered(example(PAGE.read_text(), name)), "Fix: make previews"
    assert state.stack_file(stack.name).read_bytes() == recorded
    secrets = {text for key, text in stack.variables().items() if key.endswith("PASSWORD") and text}
    assert secrets
    assert not [secret for secret in secrets if secret in printed]


def test_without_a_state_there_is_one_sentence_instead_of_a_wrong_diff() -> None:
    """It needs no engine, and leaves neither a state nor a configuration behind."""
    done = preview("test-nowhere", variables={}, code=2)
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith("Nothing is recorded of the stack test-nowhere in ")
    assert not (places.CHECKOUT / "Pulumi.test-nowhere.yaml").exists()
    assert not state.stack_file("test-nowhere").exists()
