"""An engine's data on their way: into a set that is checked, and from it into the new server, where they are compared."""

from collections.abc import Mapping
from typing import Any

from ops.backups import jobs
from ops.backups.reporting import Reporter
from ops.backups.steps import Steps
from ops.cli.backup.asked import Asked
from ops.cli.backup.choosing import Chosen, choose, told_reason
from ops.cli.backup.making import requested
from ops.cli.backup.places import place
from ops.cli.errors import Refused
from ops.cli.upgrade.upgrade import Upgrade

# What a server of another major version reads of PostgreSQL.
_LOGICAL = "postgres"


def back_up(one: Upgrade, shown: Reporter) -> str:
    """Make a set of the engine that nobody writes to any more, and return its id; Refused if it is not whole."""
    request = requested(one.stack, [one.service], "", logical=one.service == _LOGICAL)
    answer = jobs.ask(one.alone, "create", {"configuration": one.alone.configuration, **request}, shown)
    manifest: Mapping[str, Any] = answer["manifest"]
    part = manifest["engines"][one.service]
    if part["taken"] is None:
        raise Refused(f"The set before the upgrade is not whole: {told_reason(one.service, part['reason'])}.")
    return str(manifest["id"])


def check(one: Upgrade, set_id: str, shown: Reporter) -> Chosen:
    """Decrypt and compare every file of the set, and return what is restored from it."""
    asked = Asked(stack=one.stack, into=one.stack, wanted=set_id, only=(one.service,))
    return choose(one.alone, place(one.stack, target=None, identity=None), asked, shown)


def fill(one: Upgrade, chosen: Chosen, shown: Reporter) -> None:
    """Put the set into the new server; JobError names what is not as it was taken."""
    found = place(one.stack, target=None, identity=None)
    manifest = chosen.manifests[one.service]
    steps = Steps(
        into=one.filled,
        reporter=shown,
        taken={one.service: manifest["engines"][one.service]["taken"]},
        sets={one.service: str(manifest["id"])},
        source=found.request,
        volumes=found.volumes,
        outside=found.outside,
        foreign=found.foreign,
        alone=True,
        logins=True,
    )
    steps.load(one.service, manifest, found.identity)
    steps.exchange(one.service)
    steps.finish(one.service)
