"""`health`: a real query to every engine, from inside the stack's network, and what a failure comes from."""

from collections.abc import Mapping, Sequence
from typing import Any

from ops.cli.errors import DONE, REFUSED, NotAsked
from ops.cli.printer import Printer
from ops.cli.recorded import Recorded
from ops.cli.services.containers import servers
from ops.pulumi import PulumiError, outputs

_DEADLINE_SECONDS = 30.0
_GOOD = ("healthy", "in use")
_STYLES = {"healthy": "green", "in use": "yellow"}
# Without it nothing is served.
_CENTRE = "postgres"


def health(printer: Printer) -> int:
    """Print a line for each engine and what the trouble comes from; exit 1 when not healthy, 2 when it could not be told."""
    # It says it better than Pulumi when the stack is not up.
    Recorded.read(printer.stack)
    answers = _asked(printer.stack)
    with servers(printer.stack) as stack:
        states = {name: server.state for name, server in stack.found.items()}
        roots = causes(answers, states, stack.waits)
    rows = [
        {"service": name, **answer, "state": states.get(name), "cause": roots.get(name)}
        for name, answer in sorted(answers.items())
    ]
    overall = summary(answers)
    _table(printer, rows)
    for row in rows:
        if row["status"] not in _GOOD:
            printer.say(_sentence(row, printer.stack))
    found = sorted({root for root in roots.values() if root})
    told = f"The stack is {overall}{': ' + ', '.join(found) if found else ''}."
    printer.end(told, {"status": overall, "causes": found, "services": rows})
    return DONE if overall == "healthy" else REFUSED


def causes(
    answers: Mapping[str, Mapping[str, Any]], states: Mapping[str, str], waits: Mapping[str, set[str]]
) -> dict[str, str]:
    """Return, for each service that fails, what it comes from: itself, or the failing one that it waits for."""
    failing = {name for name, answer in answers.items() if answer["status"] not in _GOOD}
    failing |= {name for name, state in states.items() if state not in ("healthy", "starting")}

    def root(name: str) -> str:
        below = sorted(waits.get(name, set()) & failing)
        return root(below[0]) if below else name

    return {name: root(name) for name in failing}


def summary(answers: Mapping[str, Mapping[str, Any]]) -> str:
    """Return `healthy`, `degraded` while the rest keeps serving, or `down`."""
    failing = [name for name, answer in answers.items() if answer["status"] not in _GOOD]
    if not failing:
        return "healthy"
    return "down" if _CENTRE in failing or len(failing) == len(answers) else "degraded"


def _asked(stack: str) -> Mapping[str, Mapping[str, Any]]:
    from docker.errors import DockerException

    from init.resources.job import Job, JobError, JobSpec

    try:
        job = outputs(stack)["operations"]["verification"]
        spec = JobSpec(stack=job["stack"], name="health", image=job["image"], user=job["user"], network=job["network"],
                       volumes=job["volumes"], deadline_seconds=_DEADLINE_SECONDS, exclusive=False)  # fmt: skip
        with Job(spec) as running:
            found: Mapping[str, Mapping[str, Any]] = running.run(
                {"protocol": 1, "action": "health", "engines": job["engines"]}
            )["engines"]
    except (PulumiError, JobError, DockerException, KeyError) as error:
        raise NotAsked(f"The health of {stack} could not be told. {error}") from None
    return found


def _sentence(row: Mapping[str, Any], stack: str) -> str:
    if row["cause"] != row["service"]:
        return f"{row['service']}: fails because of {row['cause']}"
    if row["state"] not in (None, "healthy"):
        return f"{row['service']}: is {row['state']}. Fix: ./karen restart {row['service']} --stack {stack}"
    return f"{row['error']['message']}. Fix: {row['error']['fix']}"


def _table(printer: Printer, rows: Sequence[Mapping[str, Any]]) -> None:
    from rich.table import Table

    table = Table()
    for column in ("service", "health", "latency", "version", "cause"):
        justify: Any = "right" if column == "latency" else "left"
        table.add_column(column, justify=justify, overflow="fold", no_wrap=column == "service")
    for row in rows:
        latency = f"{1000 * row['latency']:.1f} ms" if "latency" in row else "–"
        status = f"[{_STYLES.get(row['status'], 'red')}]{row['status']}[/]"
        table.add_row(row["service"], status, latency, row.get("server_version") or "–", row["cause"] or "")
    printer.table(table)
