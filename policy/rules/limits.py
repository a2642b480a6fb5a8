"""What one container may take from the others on its host, and how it is looked after."""

from collections.abc import Iterator

from policy.graph import CONTAINER, PROCESS_LIMIT, Graph, Resource, items
from policy.rule import rule

_HEALTH = ("tests", "interval", "timeout", "startPeriod", "retries")


@rule(
    "memory limit",
    CONTAINER,
    bench="5.10",
    reason="Without a limit one server can take the memory of all others, and with swap it slows all of them down.",
    fix="give its ContainerSpec `memory`; `memory_swap` has to be equal.",
)
def memory_limit(container: Resource, _: Graph) -> Iterator[str]:
    memory, swap = container.inputs.get("memory"), container.inputs.get("memorySwap")
    if not memory:
        yield "has no memory limit"
    elif swap != memory:
        yield "may swap"


@rule(
    "processor limit",
    CONTAINER,
    bench="5.11",
    reason="Without a limit one server can keep all others from running.",
    fix="give its ContainerSpec `cpus`.",
)
def cpu_limit(container: Resource, _: Graph) -> Iterator[str]:
    if not float(container.inputs.get("cpus") or 0):
        yield "has no limit of processor time"


@rule(
    "process limit",
    CONTAINER,
    bench="5.28",
    reason="A server that forks without end takes the host's process numbers, and then nothing on it can start.",
    fix="declare a `ProcessLimit` for the container.",
)
def process_limit(container: Resource, graph: Graph) -> Iterator[str]:
    limits = [one.inputs for one in graph.of(PROCESS_LIMIT) if one.inputs.get("service") == container.service]
    if not any(_positive(one.get("limit")) for one in limits):
        yield "has no limit of processes"


@rule(
    "open files",
    CONTAINER,
    bench="5.18",
    reason="Without a limit of its own a container has the engine's, which differs from host to host.",
    fix="give the container `ulimits` with `nofile`.",
)
def file_descriptor_limit(container: Resource, _: Graph) -> Iterator[str]:
    limits = {one.get("name"): one for one in items(container.inputs.get("ulimits"))}
    if not _positive(limits.get("nofile", {}).get("hard")):
        yield "has no limit of open files"


@rule(
    "health check",
    CONTAINER,
    bench="5.26",
    reason="Without a check nobody sees that a server runs and does not answer; a field left out is taken from the image.",
    fix="give its ContainerSpec a `HealthCheck`, with every field set.",
)
def health_check(container: Resource, _: Graph) -> Iterator[str]:
    check = container.inputs.get("healthcheck") or {}
    if not items(check.get("tests")) or items(check.get("tests"))[0] == "NONE":
        yield "has no health check"
    elif missing := [name for name in _HEALTH if not check.get(name)]:
        yield f"leaves {', '.join(missing)} of its health check to the image"


@rule(
    "restart policy",
    CONTAINER,
    reason="A server that ends comes back by itself; one that somebody has stopped stays stopped.",
    fix="set `restart` to `unless-stopped`.",
)
def restart_policy(container: Resource, _: Graph) -> Iterator[str]:
    policy = container.inputs.get("restart")
    if policy != "unless-stopped":
        yield f"has the restart policy {policy or 'no'}"


@rule(
    "log rotation",
    CONTAINER,
    reason="A log that only grows fills the disk that the data are on.",
    fix="set `log_driver` to `json-file` or `local`, and `max-size` and `max-file` in `log_opts`.",
)
def log_rotation(container: Resource, _: Graph) -> Iterator[str]:
    options = container.inputs.get("logOpts") or {}
    if container.inputs.get("logDriver") not in ("json-file", "local"):
        yield "does not log to rotated files"
    elif not {"max-size", "max-file"} <= set(options):
        yield "has a log that is never rotated"


def _positive(value: object) -> bool:
    return isinstance(value, int | float) and value > 0


RULES = (memory_limit, cpu_limit, process_limit, file_descriptor_limit, health_check, restart_policy, log_rotation)
