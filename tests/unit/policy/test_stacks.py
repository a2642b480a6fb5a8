"""What the program declares keeps every rule, but for what the table of exceptions lists, and every line there is needed."""

from dataclasses import replace

import pytest

from bootstrap import places
from components.exceptions import EXEMPTIONS
from policy.check import covers, violations
from policy.graph import IMAGE, UNKNOWN, Graph, Resource
from policy.page import page
from policy.rules import RULES
from tests.unit.policy.resources import declared

_EVERYTHING = {"enableMonitoring": "true", "enableBackups": "true"}
_PRODUCTION = {**_EVERYTHING, "mode": "production", "alertWebhook": "https://alerts.example.org/hook"}
_BUCKET = {"backupTarget": "s3://sets", "backupAccessKey": "an-access-key", "backupSecretKey": "a-secret-key"}
STACKS = {
    "development": ("dev", {}),
    "development with everything": ("dev", _EVERYTHING),
    "production": ("prod", {"mode": "production"}),
    "production with everything": ("prod", _PRODUCTION),
    "production with a bucket and a registry": ("prod", {**_PRODUCTION, **_BUCKET, "imageSource": "registry"}),
    "production with a directory": ("prod", {**_PRODUCTION, "backupTarget": "/srv/backups"}),
}


@pytest.fixture(scope="module")
def graphs() -> dict[str, Graph]:
    return {name: declared(stack, **settings) for name, (stack, settings) in STACKS.items()}


@pytest.mark.parametrize("name", STACKS)
def test_a_stack_keeps_every_rule(graphs: dict[str, Graph], name: str) -> None:
    assert [str(one) for one in violations(graphs[name])] == []


def test_every_exception_about_a_rule_is_needed(graphs: dict[str, Graph]) -> None:
    rules = {rule.name for rule in RULES} | {rule.bench for rule in RULES}
    broken = [one for graph in graphs.values() for one in violations(graph, exemptions=())]
    lines = [line for line in EXEMPTIONS if line.rule in rules and not line.services[0].startswith("job ")]
    assert lines
    assert [line for line in lines if not any(covers(line, one) for one in broken)] == []


@pytest.mark.parametrize("rule", ["image digest", "host paths"])
def test_an_exception_names_nothing_that_keeps_the_rule(graphs: dict[str, Graph], rule: str) -> None:
    [line] = [one for one in EXEMPTIONS if one.rule == rule]
    broken = [one for graph in graphs.values() for one in violations(graph, exemptions=()) if one.rule.name == rule]
    unneeded = [
        name for name in line.services if not any(covers(replace(line, services=(name,)), one) for one in broken)
    ]
    assert unneeded == []


@pytest.mark.parametrize("name", ["monitor-image", "other-image"])
def test_an_image_that_no_line_names_has_to_have_a_digest(name: str) -> None:
    image = Resource(type=IMAGE, name=name, declared={"name": "redis:8.0.2"})
    assert [one.rule.name for one in violations(Graph(production=True, resources=[image]))] == ["image digest"]


def test_what_is_protected_is_seen(graphs: dict[str, Graph]) -> None:
    assert [one.name for one in graphs["development"].resources if one.protected] == []
    assert "postgres-data" in {one.name for one in graphs["production"].resources if one.protected}


def test_pulumi_means_the_same_by_unknown() -> None:
    from pulumi.runtime import rpc

    assert rpc.UNKNOWN == UNKNOWN


def test_the_page_is_as_the_rules_are() -> None:
    assert (places.CHECKOUT / "docs" / "policy.md").read_text(encoding="utf-8") == page(), "Fix: make docs"
