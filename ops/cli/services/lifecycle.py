"""`start`, `stop` and `restart`: in the order of dependencies, each server given its time, the data left alone."""

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

from ops.cli.errors import DONE, Refused
from ops.cli.leases import leased
from ops.cli.printer import Printer
from ops.cli.services.containers import Server, Servers, servers
from ops.cli.services.flushing import flush
from ops.engine_errors import told
from ops.maintenance import mark_stopped

_START_SECONDS = 180
# Where a container does not say how long it may take to end.
_GRACE_SECONDS = 30
# The engine answers a request to stop when the container has ended.
_ANSWER_SECONDS = 60


def start(printer: Printer, names: Sequence[str]) -> int:
    """Start what does not run, after what it needs, and wait until it is healthy."""
    with servers(printer.stack, seconds=_START_SECONDS) as stack:
        chosen = stack.chosen(names)
        with leased(printer.stack, _command("start", names), chosen):
            _refuse_alone(stack, chosen)
            # Whatever comes of it, they are not to stay stopped.
            mark_stopped(printer.stack, chosen, stopped=False)
            seconds = _start(printer, stack, chosen)
    return _end(printer, "started", seconds, chosen)


def stop(printer: Printer, names: Sequence[str]) -> int:
    """Stop what runs, before what it needs."""
    with servers(printer.stack, seconds=_ANSWER_SECONDS) as stack:
        chosen = stack.chosen(names)
        with leased(printer.stack, _command("stop", names), chosen):
            _refuse_used(stack, chosen)
            mark_stopped(printer.stack, chosen, stopped=True)
            seconds = _stop(printer, stack, chosen)
    return _end(printer, "stopped", seconds, chosen)


def restart(printer: Printer, names: Sequence[str]) -> int:
    """Stop, and start again."""
    with servers(printer.stack, seconds=_START_SECONDS) as stack:
        # With those that could not do without.
        chosen = stack.chosen(names)
        chosen += [
            name for name in stack.found if name not in chosen and _runs(stack, name) and _needs(stack, name, chosen)
        ]
    with leased(printer.stack, _command("restart", names), chosen):
        with servers(printer.stack, seconds=_START_SECONDS) as stack:
            _refuse_used(stack, chosen)
            _refuse_alone(stack, chosen)
            mark_stopped(printer.stack, chosen, stopped=False)
            _stop(printer, stack, chosen)
        with servers(printer.stack, seconds=_START_SECONDS) as stack:
            seconds = _start(printer, stack, chosen)
    return _end(printer, "restarted", seconds, chosen)


def started(printer: Printer) -> None:
    """Wait until what is starting is healthy; what fails meanwhile is left for others to tell."""
    from init.resources.gate import UnhealthyError, wait_until_healthy

    with servers(printer.stack, seconds=_START_SECONDS) as stack:
        for server in stack.found.values():
            if server.state == "starting":
                printer.progress(f"{server.service}: is starting")
                with suppress(UnhealthyError):
                    wait_until_healthy(server.name, deadline_seconds=_START_SECONDS)


def _command(verb: str, names: Sequence[str]) -> str:
    """Return the command as it was given."""
    return " ".join(["./karen", verb, *names])


def _refuse_alone(stack: Servers, names: Sequence[str]) -> None:
    """Refuse to start a server without what it needs."""
    missing = sorted({need for name in names for need in stack.needs(name) if not _runs(stack, need)} - set(names))
    if missing:
        every = " ".join([*missing, *names])
        raise Refused(
            f"{', '.join(missing)} is needed and does not run. Fix: ./karen start {every} --stack {stack.stack}"
        )


def _start(printer: Printer, stack: Servers, names: Sequence[str]) -> dict[str, float]:
    from init.resources.gate import UnhealthyError, wait_until_healthy

    def one(server: Server) -> None:
        if server.facts["State"]["Paused"]:
            stack.client.api.unpause(server.name)
        elif not server.running:
            stack.client.api.start(server.name)
        try:
            wait_until_healthy(server.name, deadline_seconds=_START_SECONDS)
        except UnhealthyError as error:
            raise Refused(str(error)) from None

    return _each(printer, stack, stack.layers(names), one, "healthy", lambda server: server.state != "healthy")


def _refuse_used(stack: Servers, names: Sequence[str]) -> None:
    using = sorted({name for name in stack.found if _runs(stack, name) and stack.needs(name) & set(names)} - set(names))
    if using:
        every = " ".join([*using, *names])
        raise Refused(f"{', '.join(using)} needs {', '.join(names)}. Fix: ./karen stop {every} --stack {stack.stack}")


def _stop(printer: Printer, stack: Servers, names: Sequence[str]) -> dict[str, float]:
    def one(server: Server) -> None:
        # A paused process hears no signal.
        if server.facts["State"]["Paused"]:
            stack.client.api.unpause(server.name)
        stack.client.api.stop(server.name, timeout=int(server.facts["Config"].get("StopTimeout") or _GRACE_SECONDS))

    flush(printer, stack, names)
    return _each(
        printer, stack, stack.layers(names)[::-1], one, "stopped", lambda server: bool(server.facts["State"]["Running"])
    )


def _needs(stack: Servers, name: str, others: Sequence[str]) -> bool:
    """Whether a server waits for one of others, directly or not."""
    return any(other in others or _needs(stack, other, others) for other in stack.needs(name))


def _runs(stack: Servers, name: str) -> bool:
    return name in stack.found and stack.found[name].running


def _each(
    printer: Printer,
    stack: Servers,
    layers: Sequence[Sequence[str]],
    act: Callable[[Server], None],
    done: str,
    wanted: Callable[[Server], bool],
) -> dict[str, float]:
    """Do it to every server that wants it, a layer at once; return seconds by service."""
    from docker.errors import APIError

    taken: dict[str, float] = {}

    def one(name: str) -> None:
        began = time.monotonic()
        try:
            act(stack.found[name])
        except APIError as error:
            look = f"Fix: ./karen doctor --stack {stack.stack}"
            raise Refused(f"{name} cannot be {done}: {told(error)}. {look}") from None
        taken[name] = round(time.monotonic() - began, 1)
        printer.progress(f"{name}: {done} in {taken[name]} s")

    for layer in layers:
        chosen = [name for name in layer if wanted(stack.found[name])]
        if chosen:
            with ThreadPoolExecutor(max_workers=len(chosen)) as pool:
                for result in [pool.submit(one, name) for name in chosen]:
                    result.result()
    return taken


def _end(printer: Printer, verb: str, seconds: dict[str, float], names: Sequence[str]) -> int:
    sentence = (
        f"Done: {', '.join(seconds)} {verb}."
        if seconds
        else f"Nothing to do: {', '.join(names)} {'run' if verb != 'stopped' else 'do not run'}."
    )
    printer.end(
        sentence,
        {
            "changed": bool(seconds),
            "services": [{"service": name, "seconds": value} for name, value in seconds.items()],
        },
    )
    return DONE
