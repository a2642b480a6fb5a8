"""Data, and what opens them, outlive containers and mistakes."""

from collections.abc import Iterator

from components.naming import PROJECT_LABEL, SERVICE_LABEL, STACK_LABEL
from policy.graph import CONTAINER, KEPT, NETWORK, UNKNOWN, VOLUME, Graph, Resource, items
from policy.mounts import mounts
from policy.rule import rule


@rule(
    "protection",
    *KEPT,
    reason="In production neither data nor what opens them goes with a `pulumi destroy`, nor with a mistake in the program.",
    fix="declare it with `context.protected(parent)`.",
)
def protected_data(resource: Resource, graph: Graph) -> Iterator[str]:
    if graph.production and not resource.protected:
        yield "is not protected"


@rule(
    "labels",
    VOLUME,
    CONTAINER,
    NETWORK,
    reason="What this project made is recognized by its labels, also when its state is lost.",
    fix="give it `context.naming.labels(service)`.",
)
def labelled(resource: Resource, _: Graph) -> Iterator[str]:
    labels = {one["label"]: one["value"] for one in items(resource.inputs.get("labels"))}
    wanted = (PROJECT_LABEL, STACK_LABEL, SERVICE_LABEL)
    if missing := [label for label in wanted if not labels.get(label)]:
        yield f"lacks the label {', '.join(missing)}"


@rule(
    "declared volumes",
    CONTAINER,
    reason="A volume that is not declared is neither protected nor backed up, and has no label.",
    fix="declare it with `data_volume`, and mount it by its name.",
)
def declared_volume(container: Resource, graph: Graph) -> Iterator[str]:
    declared = {dict(one.inputs).get("name") for one in graph.of(VOLUME)} | {UNKNOWN}
    for one in mounts(container):
        if not one.of_host and one.source not in declared:
            yield f"mounts {one.source or 'an anonymous volume'} at {one.target}, which is declared nowhere"


@rule(
    "secrets volume",
    CONTAINER,
    reason="An engine's secrets are read by its own server, and written by nobody that runs.",
    fix="mount the volume of `EngineSecrets` read-only, in the container of the same service alone.",
)
def secrets_volume(container: Resource, graph: Graph) -> Iterator[str]:
    secrets = [one for one in graph.of(VOLUME) if one.name.endswith("-secrets")]
    owners = {dict(one.inputs).get("name"): one.service for one in secrets}
    for one in mounts(container):
        owner = None if one.of_host or one.source == UNKNOWN else owners.get(one.source)
        if owner is not None and owner != container.service:
            yield f"mounts the secrets of {owner}"
        elif owner is not None and one.read_only not in (True, UNKNOWN):
            yield "may write to its secrets"


RULES = (protected_data, labelled, declared_volume, secrets_volume)
