"""Who reaches a stack, and whom it reaches."""

from collections.abc import Iterator

from components.naming import CERTIFICATE_LABEL
from policy.graph import CONTAINER, NETWORK, UNKNOWN, Graph, Resource, items
from policy.rule import rule


@rule(
    "published ports",
    CONTAINER,
    bench="5.7",
    reason="In production, applications are containers on the stack's network; a published port is open to the host's network.",
    fix="declare ports with `ContainerSpec.ports`, which publishes them in development only.",
)
def no_published_port(container: Resource, graph: Graph) -> Iterator[str]:
    if graph.production:
        for port in items(container.inputs.get("ports")):
            yield f"publishes {port.get('internal')}"
        if container.inputs.get("publishAllPorts"):
            yield "publishes every port of its image"


@rule(
    "loopback ports",
    CONTAINER,
    bench="5.13",
    reason="A port that is published on every address goes past the host's firewall.",
    fix="set the port's `ip` to `127.0.0.1`.",
)
def loopback_port(container: Resource, _: Graph) -> Iterator[str]:
    for port in items(container.inputs.get("ports")):
        if port.get("ip") not in ("127.0.0.1", "::1", UNKNOWN):
            yield f"publishes {port.get('internal')} on {port.get('ip') or 'every address'}"


@rule(
    "internal networks",
    NETWORK,
    reason="In production a server that was broken into must not be able to send anything away.",
    fix="set `internal`, or list the network in components/exceptions.py with the reason why its services have to leave.",
)
def internal_network(network: Resource, graph: Graph) -> Iterator[str]:
    if graph.production and network.inputs.get("internal") is not True:
        yield "leads outside"


@rule(
    "own network",
    CONTAINER,
    bench="5.29",
    reason="On the engine's default bridge every container of the host reaches every other.",
    fix="name the stack's network in `networks_advanced`, or set `network_mode` to `none`.",
)
def own_network(container: Resource, _: Graph) -> Iterator[str]:
    mode, names = container.inputs.get("networkMode"), container.inputs.get("networksAdvanced")
    if mode != "none" and (not names or "bridge" in _names(container)):
        yield "is on the engine's default bridge"


@rule(
    "egress",
    CONTAINER,
    reason="In production only what has to tell somebody outside, or to store something there, leaves the host.",
    fix="attach the container to internal networks alone.",
)
def egress(container: Resource, graph: Graph) -> Iterator[str]:
    if graph.production:
        for name in sorted(_leading_outside(container, graph)):
            yield f"is on {name}, which leads outside"


@rule(
    "resolver",
    CONTAINER,
    reason="Where the host has a resolver of its own, the engine asks it also for containers of internal networks (CVE-2024-29018).",
    fix="set `dns` to an address where nobody listens.",
)
def resolver(container: Resource, graph: Graph) -> Iterator[str]:
    if not graph.production or container.inputs.get("networkMode") == "none" or _leading_outside(container, graph):
        return
    if not container.inputs.get("dns"):
        yield "asks the host's resolver"


@rule(
    "encrypted connections",
    CONTAINER,
    reason="In production, whoever is on the network as well must not read what passes there, nor answer in a server's place.",
    fix="take the setting away: pulumi config rm ai-karen-db:tls; in the program, `listener(…)` of components/certificates.py declares a server's certificate.",
)
def encrypted(container: Resource, graph: Graph) -> Iterator[str]:
    if not graph.production or container.inputs.get("networkMode") == "none":
        return
    if not any(one.get("label") == CERTIFICATE_LABEL for one in items(container.inputs.get("labels"))):
        yield "has no certificate"


def _leading_outside(container: Resource, graph: Graph) -> set[str]:
    """Return the names of the networks of a container that are not declared as internal, whoever made them."""
    networks = [dict(one.inputs) for one in graph.of(NETWORK)]
    inside = {str(one.get("name")) for one in networks if one.get("internal") in (True, UNKNOWN)}
    # With networks of its own a container leaves the default bridge; without, another rule tells of it.
    mode = str(dict(container.inputs).get("networkMode") or "bridge")
    return (_names(container) | ({mode} - {"bridge", "none"})) - inside - {UNKNOWN}


def _names(container: Resource) -> set[str]:
    return {str(one.get("name")) for one in items(dict(container.inputs).get("networksAdvanced"))}


RULES = (no_published_port, loopback_port, internal_network, own_network, egress, resolver, encrypted)
