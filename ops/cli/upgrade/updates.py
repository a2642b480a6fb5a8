"""The updates of an upgrade: one makes the server that is filled, the other puts its volume in the old one's place."""

from collections.abc import Iterator

from components.next_server import next_name
from ops.audit.current import agent
from ops.cli.errors import NotAsked
from ops.cli.migrate.update import targeted
from ops.cli.printer import Printer
from ops.cli.recorded import resources
from ops.cli.upgrade.upgrade import Upgrade
from ops.pulumi import PulumiError, run

_PARTS = ("image", "container", "process-limit")


def make_next(printer: Printer, one: Upgrade) -> None:
    """Have Pulumi make the new server on the new volume."""
    urns = _urns(one)
    files = urns[f"{one.service}-secret-files"]
    targeted(
        printer,
        [files, *(_sibling(urns[f"{one.service}-{part}"], f"{next_name(one.service)}-{part}") for part in _PARTS)],
    )


def remove_next(one: Upgrade) -> None:
    """Have Pulumi remove the new server, as far as it has made it."""
    urns, name = _urns(one), next_name(one.service)
    there = [urn for part in _PARTS if (urn := urns.get(f"{name}-{part}"))]
    if there:
        targets = [word for urn in there for word in ("--target", urn)]
        _run(one, "destroy", "--yes", "--skip-preview", *targets, *agent())


def switch(printer: Printer, one: Upgrade) -> None:
    """Have Pulumi give the engine its new server and the new volume, with everything that depends on them."""
    urns = _urns(one)
    volume = _sibling(urns[_volume(one.service, one.number)], _volume(one.service, one.number + 1))
    names = ("secret-files", "image", "replacement", "login", "container", "process-limit")
    known = [urn for name in names if (urn := urns.get(f"{one.service}-{name}"))]
    targeted(printer, [volume, *known], "--target-dependents")


def forget(one: Upgrade) -> None:
    """Have Pulumi forget the old volume, which stays where it is."""
    urn = _urns(one).get(_volume(one.service, one.number))
    if urn is not None:
        _run(one, "state", "unprotect", urn, "--yes")
        _run(one, "state", "delete", urn, "--yes")


def _urns(one: Upgrade) -> dict[str, str]:
    """Return each recorded resource's URN by its name; names of one engine's parts are unique."""

    def found() -> Iterator[tuple[str, str]]:
        for resource in resources(one.stack):
            if not resource.get("delete"):
                yield str(resource["urn"]).rpartition("::")[2], str(resource["urn"])

    return dict(found())


def _volume(service: str, number: int) -> str:
    """Return the name of the resource that a volume with a number is."""
    return f"{service}-data" if number == 1 else f"{service}-data-{number}"


def _sibling(urn: str, name: str) -> str:
    return f"{urn.rpartition('::')[0]}::{name}"


def _run(one: Upgrade, *arguments: str) -> None:
    try:
        run(one.stack, *arguments)
    except PulumiError as error:
        raise NotAsked(
            f"Pulumi did not do what the upgrade of {one.service} needs: {error}. Fix: run the same command again"
        ) from None
