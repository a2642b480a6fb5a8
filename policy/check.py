"""Checking a graph: what breaks a rule and is not exempted."""

from collections.abc import Iterator, Sequence

from components.exceptions import EXEMPTIONS, Exemption
from policy.graph import Graph, NotKnown, Resource
from policy.rule import Rule, Violation
from policy.rules import RULES


def violations(graph: Graph, exemptions: Sequence[Exemption] = EXEMPTIONS) -> list[Violation]:
    """Return everything that breaks a rule, by resource and rule."""
    found = [one for one in _broken(graph) if not any(covers(line, one) for line in exemptions)]
    return sorted(found, key=lambda one: (one.resource.name, one.rule.name, one.what))


def covers(exemption: Exemption, violation: Violation) -> bool:
    """Whether a line of the table is about a violation; it names a service, or a resource that is no container."""
    rule, resource = violation.rule, violation.resource
    named = (resource.service, f"{resource.kind} {resource.name}")
    return any(exemption.covers(name, one) for name in (rule.name, rule.bench) for one in named)


def _broken(graph: Graph) -> Iterator[Violation]:
    for rule in RULES:
        for resource in graph.of(*rule.of) if rule.of else graph.resources:
            for what in _told(rule, resource, graph):
                yield Violation(rule=rule, resource=resource, what=what)


def _told(rule: Rule, resource: Resource, graph: Graph) -> list[str]:
    """Return what a resource does against a rule; what is known only after the update breaks nothing."""
    try:
        return list(rule.broken(resource, graph))
    except NotKnown:
        return []
