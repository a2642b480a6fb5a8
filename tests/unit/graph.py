"""The resource graph of a stack, recorded with Pulumi's mocks: every registration with its inputs."""

import base64
import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pulumi
from pulumi.runtime import mocks

from components.settings import Settings
from init.resources.certificate import CertificateProvider


@dataclass
class Graph(mocks.Mocks):
    """Answers every registration with its own inputs and an id, and remembers it."""

    registered: list[mocks.MockResourceArgs] = field(default_factory=list)
    protected: set[str] = field(default_factory=set)
    unchanged: dict[str, list[str]] = field(default_factory=dict)

    def new_resource(self, args: mocks.MockResourceArgs) -> tuple[str | None, dict[str, Any]]:
        self.registered.append(args)
        outputs = dict(args.inputs)
        if args.typ == "random:index/randomPassword:RandomPassword":
            outputs["result"] = f"generated-{args.name}"
        if args.typ == "random:index/randomBytes:RandomBytes":
            # As much as is asked for, different for each name.
            outputs["base64"] = base64.b64encode(hashlib.sha256(args.name.encode()).digest()).decode()
        if args.typ == "pulumi-python:dynamic/karen:Certificate":
            # A secret is handed on with a mark around it.
            outputs |= CertificateProvider().apply({**args.inputs, "seed": args.inputs["seed"]["value"], "path": ""})
        if args.typ == "docker:index/remoteImage:RemoteImage":
            outputs["imageId"] = f"sha256:{args.name}"
        return f"{args.name}-id", outputs

    def call(self, args: mocks.MockCallArgs) -> tuple[dict[Any, Any], list[tuple[str, str]] | None]:
        return {}, None

    def of(self, kind: str) -> dict[str, dict[str, Any]]:
        """Return name → inputs of every resource whose type ends with `kind`."""
        return {one.name: one.inputs for one in self.registered if one.typ.endswith(kind)}


class Monitor(mocks.MockMonitor):
    """Remembers what is protected, and whose inputs may differ, which a recording's arguments do not tell."""

    def __init__(self, graph: Graph) -> None:
        super().__init__(graph)
        self._graph = graph

    def RegisterResource(self, request: Any) -> Any:  # noqa: N802 - Pulumi's name
        if request.protect:
            self._graph.protected.add(request.name)
        if request.ignoreChanges:
            self._graph.unchanged[request.name] = list(request.ignoreChanges)
        return super().RegisterResource(request)  # type: ignore[no-untyped-call]


def record(declare: Callable[[], object], *, stack: str = "dev") -> Graph:
    """Return the graph of what a function declares."""
    import asyncio

    graph = Graph()
    asyncio.set_event_loop(asyncio.new_event_loop())
    mocks.set_mocks(graph, project="ai-karen-db", stack=stack, monitor=Monitor(graph))

    @pulumi.runtime.test  # type: ignore[untyped-decorator]
    def program() -> None:
        declare()

    program()
    return graph


def build(stack: str = "dev", **values: str) -> tuple[Graph, dict[str, Any]]:
    """Return the graph of a stack with these settings, and its outputs, resolved."""
    import asyncio

    graph = Graph()
    resolved: dict[str, Any] = {}
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    mocks.set_mocks(graph, project="ai-karen-db", stack=stack, monitor=Monitor(graph))

    @pulumi.runtime.test  # type: ignore[untyped-decorator]
    def program() -> pulumi.Output[Any]:
        from components.stack import DatabaseStack

        outputs = DatabaseStack(stack, Settings.parse({"imageSource": "build", **values})).outputs()
        secret = {
            name: pulumi.Output.is_secret(value) for name, value in outputs.items() if isinstance(value, pulumi.Output)
        }
        resolved["secret"] = pulumi.Output.all(**secret) if secret else {}
        return pulumi.Output.all(outputs, resolved["secret"]).apply(
            lambda both: resolved.update(outputs=both[0], secret=both[1])
        )

    program()
    return graph, resolved
