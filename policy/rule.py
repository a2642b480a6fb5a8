"""What a rule is, and what breaks it."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from policy.graph import Graph, Resource

Broken = Callable[[Resource, Graph], Iterable[str]]


@dataclass(frozen=True, kw_only=True)
class Rule:
    """One rule about the resources of some types; of all without any.

    `broken` yields what a resource does against it, as `has no memory limit`; `reason` says why that is wrong, `fix` what to do.
    `bench` is the number of the same rule in docker-bench-security, if it has one.
    """

    name: str
    of: tuple[str, ...]
    reason: str
    fix: str
    broken: Broken
    bench: str = ""


@dataclass(frozen=True, kw_only=True)
class Violation:
    """What one resource does against a rule."""

    rule: Rule
    resource: Resource
    what: str

    def __str__(self) -> str:
        return (
            f"{self.resource.name} breaks {self.rule.name!r}: it {self.what}. {self.rule.reason} Fix: {self.rule.fix}"
        )


def rule(name: str, *of: str, reason: str, fix: str, bench: str = "") -> Callable[[Broken], Rule]:
    """Make a rule of the function that finds what breaks it; `of` are the types that it is about."""

    def make(broken: Broken) -> Rule:
        return Rule(name=name, of=of, reason=reason, fix=fix, broken=broken, bench=bench)

    return make
