"""`destroy`: a stack's containers and networks removed; volumes, and what opens them, stay for the next `make up`."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from bootstrap import state
from components.naming import STACK_LABEL
from ops.audit.current import agent
from ops.cli.errors import DONE, NotAsked, Refused
from ops.cli.leases import leased
from ops.cli.printer import Printer
from ops.cli.recorded import resources
from ops.cli.upgrade import configured
from ops.engine_errors import engine_errors, told
from ops.pulumi import PulumiError, run
from policy.graph import CERTIFICATE, KEPT, VOLUME

# In development DuckDB's file is in a directory of the host, which goes with the one; clients verify with the other.
_STAYING = ("pulumi-python:dynamic/karen:HostDirectory", CERTIFICATE)
_OF_PULUMI = "pulumi:"


def destroy(printer: Printer, *, yes: bool) -> int:
    """Remove it once that is agreed to; what was cut off is finished by the same command."""
    from ops.cli.migrate.update import ensure_free

    stack = printer.stack
    ensure_free(printer)
    found = resources(stack)
    if not found:
        raise NotAsked(state.missing(stack))
    # What it has made, and the way back, go by what Pulumi knows of the servers.
    configured.ensure_finished(stack)
    removed = going(found)
    kept = sorted({str((one.get("outputs") or {}).get("name")) for one in found if one["type"] == VOLUME})
    if not removed:
        printer.end(f"{stack} has no containers and networks: nothing to remove.", {"changed": False, "kept": kept})
        return DONE
    _ensure_left(stack)
    printer.say(f"{len(kept)} volumes stay, with the passwords and keys that open what is in them.")
    printer.agree(f"Remove the containers and networks of {stack}?", yes=yes)
    with leased(stack, "./karen destroy"):
        targets = [word for urn in removed for word in ("--target", urn)]
        try:
            run(stack, "destroy", "--yes", "--skip-preview", *targets, *agent())
        except PulumiError as error:
            raise Refused(f"{error}\nFix: run the same command again; it goes on where it stopped") from None
    done = f"Done: the containers and networks of {stack} are removed; make up STACK={stack} takes the data over again."
    printer.end(f"{done} To remove those as well: make erase STACK={stack}", {"changed": True, "kept": kept})
    return DONE


def _ensure_left(stack: str) -> None:
    """Return if nobody else's containers are on the stack's networks, which the engine would not remove; Refused names them."""
    import docker

    try:
        client = docker.from_env()
        try:
            labelled = {"label": f"{STACK_LABEL}={stack}"}
            # Before and after: a job comes and goes.
            listed = client.api.containers(all=True, filters=labelled)
            networks = [client.api.inspect_network(one["Id"]) for one in client.api.networks(filters=labelled)]
            listed += client.api.containers(all=True, filters=labelled)
        finally:
            client.close()
    except engine_errors() as error:
        raise NotAsked(f"The container engine is not reachable: {told(error)}. Fix: make bootstrap") from None
    ours = {str(one["Id"]) for one in listed}
    on = {(str(one["Name"]), name) for name, one in _attached(networks) if one["Id"] not in ours}
    if on:
        shown = ", ".join(f"{container} on {network}" for container, network in sorted(on))
        names = " ".join(sorted({container for container, _ in on}))
        raise Refused(
            f"Containers of others are on networks of {stack}: {shown}. Nothing was touched. Fix: docker stop {names}"
        )


def _attached(networks: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for network in networks:
        for identifier, one in (network.get("Containers") or {}).items():
            yield str(network["Name"]), {**one, "Id": identifier}


def going(resources: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the URNs of what is removed: resources that go, and components of which nothing stays, as one may wait for what goes."""
    gone = {str(one["urn"]): _goes(one) for one in resources if one.get("custom")}
    parts: dict[str, list[str]] = {}
    for one in resources:
        parts.setdefault(str(one.get("parent") or ""), []).append(str(one["urn"]))

    def goes(urn: str) -> bool:
        within = parts.get(urn, ())
        return gone.get(urn, bool(within)) and all(map(goes, within))

    of_pulumi = {str(one["urn"]) for one in resources if str(one["type"]).startswith(_OF_PULUMI)}
    return [urn for one in resources if (urn := str(one["urn"])) not in of_pulumi and goes(urn)]


def _goes(resource: Mapping[str, Any]) -> bool:
    """Whether a resource is removed: all but data, what opens them, and what has parts that stay."""
    kind = str(resource["type"])
    return bool(resource.get("custom")) and kind not in (*KEPT, *_STAYING) and not kind.startswith(_OF_PULUMI)
