"""Labelled containers, volumes and networks of a stack whose state is lost: named, and removed only with consent."""

import sys

import docker

from bootstrap import state
from bootstrap.console import StepError, say
from components.naming import STACK_LABEL

_STEP = "leftovers"


def check(stack: str, *, consent: bool) -> None:
    """Return when nothing of the stack is on the engine that its state does not know of."""
    if _has_resources(stack):
        return
    client = docker.from_env()
    try:
        found = find(client, stack)
        if not any(found.values()):
            return
        names = "\n".join(f"    {kind} {name}" for kind, all_ in found.items() for name in all_)
        say(_STEP, f"the state of {stack} knows of nothing, but the engine has:\n{names}")
        if not consent and not _asked():
            raise StepError(
                f"{_STEP}: these belong to the stack {stack}, whose state was lost; their volumes may hold data. Fix: restore the state, or, "
                f"to remove them with their data, make remove-leftovers STACK={stack}"
            )
        from ops.audit.session import recorded

        with recorded(stack, "make remove-leftovers", must=False):
            remove(client, found)
        say(_STEP, "removed")
    finally:
        client.close()


def _has_resources(stack: str) -> bool:
    latest = state.recorded(stack)
    unfinished = [one["resource"] for one in latest.get("pending_operations") or ()]
    return any(str(one["type"]).startswith("docker:") for one in [*(latest.get("resources") or ()), *unfinished])


def _asked() -> bool:
    return sys.stdin.isatty() and input("Remove them, with their data? Type yes: ").strip() == "yes"


def find(client: docker.DockerClient, stack: str) -> dict[str, list[str]]:
    """Return the names of a stack's containers, networks and volumes on the engine, in the order of their removal."""
    labelled = {"label": f"{STACK_LABEL}={stack}"}
    return {
        "container": [one["Names"][0].lstrip("/") for one in client.api.containers(all=True, filters=labelled)],
        "network": [one["Name"] for one in client.api.networks(filters=labelled)],
        "volume": [one["Name"] for one in client.api.volumes(filters=labelled)["Volumes"] or ()],
    }


def remove(client: docker.DockerClient, found: dict[str, list[str]]) -> None:
    """Remove what `find` returned."""
    for name in found["container"]:
        client.api.remove_container(name, force=True, v=True)
    for name in found["network"]:
        client.api.remove_network(name)
    for name in found["volume"]:
        client.api.remove_volume(name)
