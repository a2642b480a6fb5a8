"""The comments of docs/preview.md are what real previews become, the same each time and short enough for a comment."""

import json
import random
from dataclasses import replace

import pytest

from ops.cli.preview import render
from ops.cli.preview.review import review
from tests.previewing import PAGE, SCENARIOS, STACK, example
from tests.unit.preview.steps import document, recorded


@pytest.mark.parametrize("name", SCENARIOS)
def test_the_page_shows_what_was_recorded(name: str) -> None:
    assert render.markdown(review(STACK, recorded(name))) == example(PAGE.read_text(), name), "Fix: make previews"


def test_every_group_has_an_example() -> None:
    page = PAGE.read_text()
    for heading in ("### Policy", "### Data at risk", "### Restart", "### Safe"):
        assert any(heading in example(page, name) for name in SCENARIOS), heading


@pytest.mark.parametrize("name", SCENARIOS)
def test_the_order_of_pulumi_s_steps_and_messages_does_not_matter(name: str) -> None:
    one = recorded(name)
    told = render.markdown(review(STACK, one))
    for seed in range(5):
        for part in ("steps", "diagnostics"):
            random.Random(seed).shuffle(one.get(part) or [])  # noqa: S311 - an order, not a key
        assert render.markdown(review(STACK, one)) == told


@pytest.mark.parametrize("name", SCENARIOS)
def test_a_document_says_the_same_as_a_comment(name: str) -> None:
    found = review(STACK, recorded(name))
    told = json.loads(json.dumps(found.document()))
    assert set(told) == {"errors", "violations", "data_at_risk", "restart", "safe", "notes"}
    comment = render.markdown(found)
    for group in ("data_at_risk", "restart", "safe"):
        assert all(entry["sentence"] in comment for entry in told[group])
    assert all(one["rule"] in comment and one["fix"] in comment for one in told["violations"])
    assert (SCENARIOS[name].code == 0) == found.is_good


def test_nothing_is_told_as_nothing() -> None:
    found = review("test", document())
    assert render.markdown(found) == "<!-- karen preview: test -->\n## Preview of test: nothing changes.\n"
    assert found.is_good


def test_what_is_too_long_for_a_comment_is_cut_at_a_line_and_says_so() -> None:
    found = review("test", document())
    told = render.markdown(replace(found, notes=[f"{number:05}: {'x' * 100}" for number in range(2000)]))
    assert len(told) < 65_536
    assert "more lines: ./karen preview --stack test tells them." in told.splitlines()[-1]
    assert told.splitlines()[-3].endswith("x`")


def test_a_sentence_cannot_end_its_block() -> None:
    told = render.markdown(review("test", document(told=(("error", "error: a\n```\n@everybody <script>\n"),))))
    assert told.count("```") == 2
