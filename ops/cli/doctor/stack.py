"""The stack: its configuration, images, ports, containers, names inside the network, and what nobody knows of."""

from collections.abc import Iterator

from bootstrap.leftovers import find
from components.images import needed, reference
from components.naming import SERVICE_LABEL, STACK_LABEL, Naming
from components.preflight import port_problems
from init.resources.job import JOB_LABEL
from ops.cli.doctor.model import Check, Finding, Patient, Status
from ops.cli.services.containers import Server

_TYPES = {
    "docker:index/container:Container": "container",
    "docker:index/network:Network": "network",
    "docker:index/volume:Volume": "volume",
}
_FEW = 3


def configuration(patient: Patient) -> Iterator[Finding]:
    """Whether the settings can work, each and together."""
    if patient.settings is not None:
        yield Finding("configuration", "ok", f"Pulumi.{patient.stack}.yaml")
    for problem in patient.problems:
        message, _, fix = problem.partition(" Fix: ")
        yield Finding("configuration", "problem", message, fix)


def images(patient: Patient) -> Iterator[Finding]:
    """Whether the images of this checkout are on the engine."""
    if patient.client is None or patient.settings is None:
        return
    source = patient.settings.image_source
    present = {tag for image in patient.client.api.images() for tag in image.get("RepoTags") or ()}
    services = needed(proxy=patient.settings.proxied)
    missing = [service for service in services if reference(service, source) not in present]
    if missing:
        fix = (
            f"make images STACK={patient.stack}"
            if source == "build"
            else f"make up STACK={patient.stack}, which pulls them"
        )
        status: Status = "problem" if source == "build" else "warning"
        yield Finding("images", status, f"not on the engine (source: {source}): {', '.join(missing)}", fix)
    else:
        yield Finding("images", "ok", f"{len(services)} on the engine, source: {source}")


def ports(patient: Patient) -> Iterator[Finding]:
    """Whether the ports are free, or this stack's own."""
    if patient.client is None or patient.settings is None:
        return
    taken = list(port_problems(patient.client, patient.stack, patient.settings))
    for problem in taken:
        message, _, fix = problem.partition(" Fix: ")
        yield Finding("ports", "problem", message, fix)
    if not taken:
        published = "none is published" if patient.settings.production else "free, or this stack's own"
        yield Finding("ports", "ok", published)


def servers(patient: Patient) -> Iterator[Finding]:
    """Whether every server is there, runs, is healthy, and was not restarted by the engine."""
    if patient.client is None:
        return
    listed = patient.client.api.containers(
        all=True, filters={"label": [f"{STACK_LABEL}={patient.stack}", SERVICE_LABEL]}
    )
    healthy = []
    for one in listed:
        facts = patient.client.api.inspect_container(one["Id"])
        service, state = one["Labels"][SERVICE_LABEL], facts["State"]
        health = (state.get("Health") or {}).get("Status", state["Status"])
        look = f"./karen logs {service} --stack {patient.stack}"
        if state["Paused"]:
            yield Finding("servers", "problem", f"{service} is paused", f"docker unpause {one['Names'][0].lstrip('/')}")
        elif not state["Running"]:
            told = f"{service} does not run (code {state['ExitCode']}{', out of memory' if state['OOMKilled'] else ''})"
            yield Finding(
                "servers", "problem", told, f"./karen start {service} --stack {patient.stack}; {look} tells why"
            )
        elif Server(service, facts).starting:
            yield Finding("servers", "warning", f"{service} is starting", look)
        elif health != "healthy":
            yield Finding("servers", "problem", f"{service} is {health}", look)
        elif facts["RestartCount"]:
            yield Finding("servers", "warning", f"{service} was restarted {facts['RestartCount']} times", look)
        else:
            healthy.append(service)
    if healthy:
        yield Finding("servers", "ok", f"healthy: {', '.join(sorted(healthy))}")


def unknown(patient: Patient) -> Iterator[Finding]:
    """Whether the engine has things of this stack that Pulumi does not know of, or lacks some that it knows of."""
    if patient.client is None:
        return
    jobs = patient.client.api.containers(all=True, filters={"label": [f"{STACK_LABEL}={patient.stack}", JOB_LABEL]})
    at_work = {one["Names"][0].lstrip("/") for one in jobs}
    there = {(kind, name) for kind, names in find(patient.client, patient.stack).items() for name in names}
    known = {
        (_TYPES[one["type"]], str((one.get("outputs") or {}).get("name")))
        for one in patient.resources
        if one["type"] in _TYPES and not one.get("delete")
    }
    orphans = sorted(f"{kind} {name}" for kind, name in there - known if name not in at_work)
    gone = sorted(f"{kind} {name}" for kind, name in known - there)
    if orphans:
        fix = f"make up STACK={patient.stack}; what it then still does not know, docker {orphans[0].split()[0]} rm removes"
        yield Finding("orphans", "warning", f"Pulumi does not know of {_some(orphans)}", fix)
    if gone:
        yield Finding(
            "gone",
            "problem",
            f"Pulumi recorded {_some(gone)}, which the engine lacks",
            f"make up STACK={patient.stack}",
        )
    if not orphans and not gone:
        yield Finding(
            "orphans", "ok", f"the engine has what Pulumi recorded: {len(known)} containers, networks and volumes"
        )


def names(patient: Patient) -> Iterator[Finding]:
    """Whether the servers that are on the network find each other there by name."""
    if patient.client is None:
        return
    naming = Naming(stack=patient.stack)
    container = naming.container("postgres")
    running = patient.client.api.containers(filters={"name": f"^/{container}$"})
    if not running:
        return
    others = [
        one["Labels"][SERVICE_LABEL]
        for one in patient.client.api.containers(filters={"label": [f"{STACK_LABEL}={patient.stack}", SERVICE_LABEL]})
        if naming.network in one["NetworkSettings"]["Networks"]
    ]
    lost = [
        name
        for name in others
        if patient.client.containers.get(container).exec_run(["getent", "hosts", name]).exit_code
    ]
    if lost:
        fix = f"docker network inspect {naming.network}; make up STACK={patient.stack}"
        yield Finding("names", "problem", f"not found inside the network: {', '.join(lost)}", fix)
    else:
        yield Finding("names", "ok", f"found inside the network: {', '.join(sorted(others))}")


def _some(names: list[str]) -> str:
    more = f" and {len(names) - _FEW} more" if len(names) > _FEW else ""
    return ", ".join(names[:_FEW]) + more


CHECKS: tuple[Check, ...] = (configuration, images, ports, servers, unknown, names)
