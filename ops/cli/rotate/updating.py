"""The two updates of a rotation: one makes the next passwords, the other brings what uses them."""

import json
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from components.credentials import slot
from components.serials import PASSWORDS, Serial
from init.resources.initialization import checksums
from ops.cli.errors import NotAsked, Refused
from ops.cli.migrate import pins
from ops.cli.migrate.update import targeted
from ops.cli.printer import Printer
from ops.cli.recorded import Recorded, resources
from ops.cli.rotate import configured
from ops.cli.rotate.accounts import OutputsLost, Told
from ops.pulumi import PulumiError, finish, run, start
from policy.graph import PASSWORD

_FILES, _ACCESS, _INITIALIZATION = (
    f"pulumi-python:dynamic/karen:{kind}" for kind in ("SecretFiles", "Access", "Initialization")
)
_UNCHANGED = ("same", "read", "refresh")
# It has the applications' passwords, and is made anew with them: also with those that are of the configuration, and changed there already.
_RELAY = "relay"
_FOLLOWING = {f"{_RELAY}-container": {"labels"}}


def ensure_nothing_else(stack: str, *, but: str = "") -> None:
    """Return if a preview would touch no container, volume or network; Refused names what waits, which a rotation must not bring along.

    With `but`, what would change in this one property alone may wait.
    """
    try:
        document = json.loads(finish(start(stack, "preview", "--json")))
    except (PulumiError, ValueError) as error:
        raise NotAsked(f"Pulumi made no preview of {stack}: {error}. Fix: ./karen doctor --stack {stack}") from None
    reasons: dict[str, set[str]] = {}
    for step in document.get("steps") or ():
        if step["op"] not in _UNCHANGED and "docker:index/" in str(step["urn"]):
            told_of = reasons.setdefault(str(step["urn"]).rpartition("::")[2], set())
            told_of.update(step.get("diffReasons") or (), step.get("replaceReasons") or ())
    waiting = sorted(name for name, found in reasons.items() if found not in ({but}, _FOLLOWING.get(name)))
    if waiting:
        told = f"Other changes wait for an update: {', '.join(waiting)}. Nothing was changed."
        raise Refused(f"{told} Fix: make up STACK={stack}, then the same command again")


def ensure_no_migrations(recorded: Recorded) -> None:
    """Return if initialization, which a rotation runs, would leave every schema as it is; Refused names what would be migrated."""
    settings = pins.configuration(recorded.stack)
    waiting = [
        engine
        for engine, record in sorted(recorded.records.items())
        if record.migrations != checksums(engine, record.target)
        or record.target != pins.version(pins.pin(settings, engine) or pins.LATEST)
    ]
    if waiting:
        told = f"Migrations of {', '.join(waiting)} are pending, or edited. Nothing was changed."
        fix = f"./karen migrate plan --stack {recorded.stack}, and then an update; or the checkout that the stack was updated from"
        raise Refused(f"{told} Fix: {fix}; then the same command again")


def told(printer: Printer) -> Told:
    """Return what Pulumi tells; what an update that was cut off has taken from it is brought back by one without any change."""
    try:
        return Told.read(printer.stack)
    except OutputsLost:
        passwords = [str(one["urn"]) for one in resources(printer.stack) if one["type"] == PASSWORD]
        if not passwords:
            raise
    printer.progress("Pulumi has lost the stack's outputs with an update that was cut off: they are made again")
    targeted(printer, passwords[:1])
    return Told.read(printer.stack)


def issue(printer: Printer, names: Collection[str]) -> None:
    """Have Pulumi make the next password of each, beside the one in use; a second time there is nothing to do."""
    make_room(printer.stack, names)
    serials, found = configured.read(printer.stack), resources(printer.stack)
    passwords = _passwords(found)
    urns = []
    for name in names:
        number = serials[name].number
        current = passwords.get(slot(name, number))
        if current is None:
            raise NotAsked(f"Pulumi has no password {name} of {printer.stack}. Fix: make up STACK={printer.stack}")
        urn = f"{str(current['urn']).rpartition('::')[0]}::{slot(name, number + 1)}"
        urns.append(urn)
    services = {service for service, of in PASSWORDS.items() if set(of) & set(names)}
    # The files have both administrators' passwords, and the proof beside the data as well, before the server has.
    targeted(printer, [*urns, *_of_services(found, services, (_FILES,))])


def commit(printer: Printer, names: Collection[str]) -> None:
    """Bring everything that uses these passwords: files, servers that read them at their start, accounts, outputs."""
    found = resources(printer.stack)
    slots = {slot(name, number) for name in names for number in (1, 2)}
    urns = [
        str(one["urn"]) for one in found if one["type"] == PASSWORD and str(one["urn"]).rpartition("::")[2] in slots
    ]
    services = {service for service, of in PASSWORDS.items() if set(of) & set(names)} | {_RELAY}
    urns += _of_services(found, services, (_FILES, _ACCESS, _INITIALIZATION))
    targeted(printer, urns, "--target-dependents")


def make_room(stack: str, names: Collection[str]) -> None:
    """Lift the protection of the last passwords, which open nothing any more, so that they can be replaced by the next ones."""
    serials, passwords = configured.read(stack), _passwords(resources(stack))
    for name in names:
        number = serials.get(name, Serial()).number + 1
        _lift(stack, passwords.get(slot(name, number)), number)


def _passwords(found: Iterable[Mapping[str, Any]]) -> dict[str, Mapping[str, Any]]:
    return {str(one["urn"]).rpartition("::")[2]: one for one in found if one["type"] == PASSWORD}


def _lift(stack: str, standing: Mapping[str, Any] | None, number: int) -> None:
    if standing is None or not standing.get("protect"):
        return
    if (standing.get("inputs") or {}).get("keepers", {}).get("serial") == str(number):
        return
    try:
        run(stack, "state", "unprotect", str(standing["urn"]), "--yes")
    except PulumiError as error:
        raise NotAsked(f"The last password's protection could not be lifted: {error}") from None


def _of_services(found: Any, services: Collection[str], kinds: Collection[str]) -> list[str]:
    return [
        str(one["urn"])
        for one in found
        if one["type"] in kinds and (one.get("outputs") or {}).get("service") in services and not one.get("delete")
    ]
