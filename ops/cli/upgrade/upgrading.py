"""`upgrade`: the configuration is the note of how far it has come; until the new volume is compared, the old data are as before."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import docker

from components.images import reference
from components.machine import image_source
from components.serials import Serial
from components.settings import Settings, SettingsError
from components.versions import UPGRADABLE, is_older
from components.volume_versions import VARIABLE, found, wanted
from init.resources.gate import wait_until_healthy
from ops.backups import standing
from ops.backups.reporting import Reporter, reporter
from ops.cli.backup.asking import described, failures
from ops.cli.backup.restoring import services as working
from ops.cli.errors import DONE, NotAsked, Refused
from ops.cli.migrate import pins
from ops.cli.migrate.asking import toolbox_image
from ops.cli.printer import Printer
from ops.cli.recorded import Recorded
from ops.cli.rotate.alone import alone
from ops.cli.upgrade import configured, isolation, moving, updates
from ops.cli.upgrade.upgrade import Upgrade

_UNTOUCHED = "Nothing was touched."
_HEALTHY_SECONDS = 300.0


def upgrade(printer: Printer, service: str, *, yes: bool, give_up: bool) -> int:
    """Carry it out, or finish or give up what an earlier one has begun."""
    from ops.cli.migrate.update import ensure_free

    if service not in UPGRADABLE:
        raise NotAsked(f"SERVICE is {service!r}; allowed: {', '.join(UPGRADABLE)}. {_UNTOUCHED}")
    Recorded.read(printer.stack)
    ensure_free(printer)
    # They have one network, which whoever is finished first would take away.
    configured.ensure_finished(printer.stack, but=service)
    serial = configured.read(printer.stack, service)
    one = _described(printer.stack, service, serial)
    if give_up:
        return _give_up(printer, one, serial)
    if serial.mark != configured.SWITCHED:
        versions = _versions(one, begun=serial.mark == configured.FILLING)
        if versions is None:
            printer.end(
                f"{service} of {printer.stack} is of the version of its data: nothing to upgrade.", {"changed": False}
            )
            return DONE
        printer.say(
            f"{service} goes from version {versions[0]} to {versions[1]}. Applications do not reach it until that is done."
        )
        printer.agree(f"Bring its data into the new volume {one.next_volume}? {one.volume} is kept.", yes=yes)
    else:
        _ensure_read(one)
    with _working(one):
        if serial.mark != configured.SWITCHED:
            _fill(printer, one, serial)
        _switch(printer, one)
    told = f"Done: {service} has its data in {one.next_volume}. The old ones are kept; once nobody needs them: docker volume rm {one.volume}"
    printer.end(told, {"changed": True, "volume": one.next_volume, "kept": one.volume})
    return DONE


def _described(stack: str, service: str, serial: Serial) -> Upgrade:
    """Return what the upgrade is about; NotAsked if the configuration, or the stack, does not tell."""
    own = pins.configuration(stack)
    source = str(own.get("imageSource") or image_source(stack) or "registry")
    try:
        Settings.parse(pins.readable(own))
        image = reference(service, source)
    except (SettingsError, ValueError) as error:
        raise NotAsked(f"{error}") from None
    backups = described(stack)
    if service not in backups.servers:
        raise NotAsked(
            f"{stack} has no {service}. {_UNTOUCHED} Fix: pulumi config set ai-karen-db:enable{service.title()} true"
        )
    number = serial.number - 1 if serial.mark == configured.SWITCHED else serial.number
    # Jobs are of this checkout, as the updates are.
    backups = replace(backups, image=toolbox_image(stack, own))
    return Upgrade(stack=stack, service=service, number=number, source=source, image=image, backups=backups)


def _versions(one: Upgrade, *, begun: bool) -> tuple[str, str] | None:
    """Return the major versions of the data and of the server that is declared, None if they are the same; Refused if it cannot read them."""
    with isolation.engine() as client:
        here, ours = found(client, one.naming, one.service, one.volume), wanted(one.service, one.source)
        if not here:
            fix = f"Fix: start it with the checkout that it was made with: make up STACK={one.stack}"
            raise NotAsked(f"Nothing tells of which version the data in {one.volume} are. {_UNTOUCHED} {fix}")
        if here == ours and begun:
            fix = f"Fix: use the checkout that began it, or ./karen upgrade {one.service} --give-up"
            raise Refused(
                f"An upgrade was cut off, and {one.service} here is of the version of the old data. {_UNTOUCHED} {fix}"
            )
        if here == ours:
            return None
        if is_older(ours, here):
            fix = f"Fix: use the checkout whose {one.service} is of version {here}"
            raise Refused(
                f"{one.volume} is of version {here}, and {one.service} here of {ours}, an older one. {_UNTOUCHED} {fix}"
            )
        if not begun and isolation.is_there(client, one.next_volume):
            fix = f"restore dataVolumes in Pulumi.{one.stack}.yaml as it was; or, where nobody needs them, docker volume rm {one.next_volume}"
            raise Refused(f"{one.next_volume} is there already, and may have data. {_UNTOUCHED} Fix: {fix}")
        if one.source == "build" and not client.images.list(name=one.image):
            raise NotAsked(f"The image {one.image} is not on this engine. {_UNTOUCHED} Fix: make images")
    return here, ours


def _ensure_read(one: Upgrade) -> None:
    """Return if the server that is declared is the one whose data are in the new volume; Refused for another checkout's."""
    with isolation.engine() as client:
        here, ours = found(client, one.naming, one.service, one.next_volume), wanted(one.service, one.source)
    if here != ours:
        told = f"{one.next_volume} is of version {here or 'unknown'}, and {one.service} here of {ours}"
        raise Refused(f"{told}. {_UNTOUCHED} Fix: use the checkout that began the upgrade")


@contextmanager
def _working(one: Upgrade) -> Iterator[None]:
    """Keep everybody else off the stack, and tell Pulumi's program that what it sees is on its way."""
    with alone(one.stack, f"./karen upgrade {one.service}"), standing.paused(*working(one.backups)):
        os.environ[VARIABLE] = one.service
        try:
            yield
        finally:
            del os.environ[VARIABLE]


def _fill(printer: Printer, one: Upgrade, serial: Serial) -> None:
    """Bring the data into the new volume, compared; what fails, or is interrupted, leaves the old server as it was."""
    with isolation.engine() as client, reporter(quiet=printer.as_json) as shown, failures():
        try:
            if serial.mark == configured.FILLING:
                printer.say("An upgrade was cut off: it begins again.")
                _discard(client, one)
            shown.tell(f"{one.service}: is taken away from applications, and a set is made of it")
            isolation.isolate(client, one, shown)
            set_id = moving.back_up(one, shown)
            shown.tell(f"{one.service}: every file of {set_id} is read and compared")
            chosen = moving.check(one, set_id, shown)
            standing.stop(one.service, [one.container], shown)
            shown.tell(f"{one.service}: {set_id} goes into {one.next_volume}")
            configured.write(one.stack, one.service, Serial(one.number, configured.FILLING))
            isolation.make_volume(client, one)
            updates.make_next(printer, one)
            wait_until_healthy(one.next_container, deadline_seconds=_HEALTHY_SECONDS)
            moving.fill(one, chosen, shown)
            # Two servers never have one volume.
            standing.stop(one.service, [one.next_container], shown)
            updates.remove_next(one)
            configured.write(one.stack, one.service, Serial(one.number + 1, configured.SWITCHED))
        except BaseException:
            printer.say("It is given up: the old data come back, as they were.")
            _as_before(client, one, shown)
            raise


def _switch(printer: Printer, one: Upgrade) -> None:
    """Have Pulumi bring the engine up on the new volume, and forget the old one; may be repeated."""
    printer.progress(f"switch: {one.service} is brought up on {one.next_volume}")
    updates.switch(printer, one)
    updates.forget(one)
    configured.write(one.stack, one.service, Serial(one.number + 1))
    with isolation.engine() as client:
        isolation.remove_network(client, one)


def _give_up(printer: Printer, one: Upgrade, serial: Serial) -> int:
    """Have the old server run as before an upgrade that was cut off."""
    if serial.mark == configured.SWITCHED:
        fix = f"Fix: ./karen upgrade {one.service}, which finishes it"
        raise Refused(f"The data of {one.service} are compared, and in {one.next_volume} already. {_UNTOUCHED} {fix}")
    with isolation.engine() as client:
        if serial.mark != configured.FILLING and not isolation.is_begun(client, one):
            printer.end(f"No upgrade of {one.service} is unfinished: nothing to give up.", {"changed": False})
            return DONE
        with _working(one), reporter(quiet=printer.as_json) as shown, failures():
            _as_before(client, one, shown, noted=serial.mark == configured.FILLING)
    printer.end(f"Done: {one.service} of {one.stack} is as before the upgrade.", {"changed": True, "given_up": True})
    return DONE


def _as_before(client: docker.DockerClient, one: Upgrade, shown: Reporter, *, noted: bool = True) -> None:
    """Have the old server run again, also where what was made beside it cannot be removed: then its note stays."""
    try:
        # Without the note nothing was made yet: what is there by that name is somebody's data.
        if noted:
            _discard(client, one)
    finally:
        isolation.put_back(client, one, shown)
    isolation.remove_network(client, one)


def _discard(client: docker.DockerClient, one: Upgrade) -> None:
    """Remove what an upgrade has made beside the old data, and its note."""
    updates.remove_next(one)
    isolation.remove_next(client, one)
    configured.write(one.stack, one.service, Serial(one.number))
