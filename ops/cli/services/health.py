"""`health`: a real query to every engine, from inside the stack's network, and what a failure comes from."""

from collections.abc import Mapping, Sequence
from typing import Any

from tenacity import RetryCallState, Retrying, retry_if_result, stop_after_delay, wait_fixed

from monitor.roots import overall, roots
from ops.cli.errors import DONE, REFUSED, NotAsked
from ops.cli.printer import Printer
from ops.cli.recorded import Recorded
from ops.cli.services import jobs
from ops.cli.services.containers import servers
from ops.cli.services.damaged import damaged
from ops.engine_errors import engine_errors

_DEADLINE_SECONDS = 30.0
_LOADING, _LOADING_SECONDS = "Loading", 20.0
GOOD = ("healthy", "in use")
_STYLES = {"healthy": "green", "in use": "yellow"}


def health(printer: Printer) -> int:
    """Print a line for each engine and what the trouble comes from; exit 1 when not healthy, 2 when it could not be told."""
    # It says it better than Pulumi when the stack is not up.
    Recorded.read(printer.stack)
    rows = _once_loaded(printer)
    overall = summary({row["service"]: row for row in rows})
    _table(printer, rows)
    for row in rows:
        if row["status"] not in GOOD or row["cause"]:
            printer.say(sentence(row, printer.stack))
    found = sorted({row["cause"] for row in rows if row["cause"]})
    told = f"The stack is {overall}{': ' + ', '.join(found) if found else ''}."
    printer.end(told, {"status": overall, "causes": found, "services": rows})
    return DONE if overall == "healthy" else REFUSED


def _once_loaded(printer: Printer) -> list[dict[str, Any]]:
    """Return every service's answer, of servers that were just started once they have loaded what they search."""

    def loading(rows: list[dict[str, Any]]) -> bool:
        return any((row.get("error") or {}).get("kind") == _LOADING for row in rows)

    def again(_: RetryCallState) -> None:
        printer.progress("waiting for what is being loaded")

    described = jobs.described(printer.stack)
    return Retrying(
        retry=retry_if_result(loading),
        stop=stop_after_delay(_LOADING_SECONDS),
        wait=wait_fixed(1),
        before_sleep=again,
        retry_error_callback=lambda state: state.outcome.result() if state.outcome else [],
    )(asked, printer.stack, described)


def asked(
    stack: str, job: Mapping[str, Any], *, seconds: float = _DEADLINE_SECONDS, **request: Any
) -> list[dict[str, Any]]:
    """Return each service's answer, the state of its container, and what its failure comes from; NotAsked without any answer."""
    from init.resources.job import JobError

    try:
        answers = jobs.ask(job, "health", seconds=seconds, **request)
    except engine_errors(JobError) as error:
        raise NotAsked(f"The health of {stack} could not be told. {error}") from None
    with servers(stack) as found:
        states = {name: server.state for name, server in found.found.items()}
        roots = causes(answers, states, found.waits)
        own = {name: answer for name, answer in answers.items() if roots.get(name) == name}
        broken = damaged(found, own)
    return [
        {
            "service": name,
            **answer,
            "state": states.get(name),
            "cause": roots.get(name),
            "damage": broken[name].document() if name in broken else None,
        }
        for name, answer in sorted(answers.items())
    ]


def causes(
    answers: Mapping[str, Mapping[str, Any]], states: Mapping[str, str], waits: Mapping[str, set[str]]
) -> dict[str, str]:
    """Return, for each service that fails, what it comes from: itself, or the failing one that it waits for."""
    failing = {name for name, answer in answers.items() if answer["status"] not in GOOD}
    failing |= {name for name, state in states.items() if name in answers and state not in ("healthy", "starting")}
    return roots(failing, waits)


def summary(answers: Mapping[str, Mapping[str, Any]]) -> str:
    """Return `healthy`, `degraded` while the rest keeps serving, or `down`; what has a cause fails, whatever it answers."""
    failing = [name for name, answer in answers.items() if answer["status"] not in GOOD or answer.get("cause")]
    return overall(answers, failing)


def sentence(row: Mapping[str, Any], stack: str) -> str:
    """Return what is wrong with a service, and what mends it."""
    if row["cause"] not in (None, row["service"]):
        return f"{row['service']}: fails because of {row['cause']}"
    if row.get("damage"):
        return f"{row['service']}'s data are damaged: {row['damage']['message']}. Fix: {row['damage']['fix']}"
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
