"""`Replacement`: a server with data whose container would be made anew is told in the preview, unless that is allowed by name."""

from collections.abc import Mapping
from typing import Any

import pulumi
from pulumi.dynamic import CheckFailure, CheckResult, DiffResult, Resource

from init.resources.provider import Provider, is_known

# Whose container goes with another's, which is not asked for: it ends itself when the other is a new one.
_WITH = {"etcd": ", and Milvus with it"}


class ReplacementProvider(Provider):
    """Compares, before anything is touched, with what the container was made from last."""

    kind = "replacement"

    def check(self, olds: dict[str, Any], news: dict[str, Any]) -> CheckResult:
        """Refuse another definition where it is not allowed; what is known only after the update refuses nothing."""
        before, after = olds.get("definition") or {}, news["definition"]
        # A container that was never made, or before there was this, has nothing to be compared with.
        if news["allowed"] or not before or not is_known(before):
            return CheckResult(news, [])
        # What only one of them knows is of another release of this project, whose containers are what they were.
        differing = [
            name for name in sorted({*before} & {*after}) if is_known(after[name]) and before[name] != after[name]
        ]
        if not differing:
            return CheckResult(news, [])
        service, stack = news["service"], news["stack"]
        reason = (
            f"{service}: its container would be made anew, and {service} stops meanwhile{_WITH.get(service, '')}: {', '.join(differing)} changed. Nothing was touched. "
            f"Fix: take the change back, or allow it: pulumi config set ai-karen-db:allowReplacing {service} --stack {stack}, and the same "
            f"again; afterwards pulumi config rm ai-karen-db:allowReplacing --stack {stack}"
        )
        return CheckResult(news, [CheckFailure("allowed", reason)])

    def diff(self, id_: str, olds: dict[str, Any], news: dict[str, Any]) -> DiffResult:
        """Leave out what is allowed: to take that back changes nothing."""
        return super().diff(id_, olds, {key: value for key, value in news.items() if key != "allowed"})

    def apply(self, props: dict[str, Any]) -> dict[str, Any]:
        """Record the definition: there is nothing to do."""
        return {}


class Replacement(Resource, module="karen", name="Replacement"):
    """What a container is made from; it changes only where that is `allowed`."""

    def __init__(
        self,
        service: str,
        *,
        stack: str,
        definition: Mapping[str, pulumi.Input[str]],
        allowed: bool,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """`definition` maps each part of what the container is made from to a hash of it."""
        props = {"stack": stack, "service": service, "definition": dict(definition), "allowed": allowed}
        super().__init__(ReplacementProvider(), f"{service}-replacement", props, opts)
