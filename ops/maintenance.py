"""The maintenance lease, as its holder has it: while a command works on services, the monitor leaves them alone."""

import os
import threading
import time
import uuid
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import replace

from init.runner.name import runner_name
from monitor.leases import BEAT_SECONDS, LEASES, STOPPED, TTL_SECONDS, Lease
from ops.operations_volume import MaintenanceError, OperationsVolume, UnreachableError

# Tells a command's own Pulumi program that the lease is there already.
VARIABLE = "KAREN_MAINTENANCE"


class UnderMaintenance(MaintenanceError):
    """Somebody else works on the same services; the message says who."""


class Maintenance:
    """One lease: written when it begins, renewed every few seconds by a thread, closed when it ends."""

    def __init__(self, volume: OperationsVolume, command: str, services: Collection[str]) -> None:
        self._volume = volume
        self._ended = threading.Event()
        self._lease = Lease(
            id=uuid.uuid4().hex, holder=runner_name(), command=command, services=tuple(sorted(services)),
            expires_at=time.time() + TTL_SECONDS,
        )  # fmt: skip
        self._thread = threading.Thread(target=self._renew, name="maintenance", daemon=True)

    @property
    def id(self) -> str:
        """Return the lease's name."""
        return self._lease.id

    def begin(self) -> None:
        """Take the lease; UnderMaintenance when somebody else has one for the same services, UnreachableError if none can be."""
        self._write()
        try:
            # Written first and read then: of two who come at once, at least one sees the other.
            others = self._others()
        except UnreachableError:
            self.end()
            raise
        if others:
            self._write(closed=True)
            told = ", ".join(f"{one.command} by {one.holder}" for one in others)
            fix = f"Fix: wait for it to end; what was killed is over in {TTL_SECONDS:.0f} s"
            raise UnderMaintenance(f"Maintenance is going on: {told}. Nothing was touched. {fix}")
        self._thread.start()

    def _others(self) -> list[Lease]:
        return [one for one in held(self._volume) if one.id != self._lease.id and one.overlaps(self._lease.services)]

    def end(self) -> None:
        """Give the lease back."""
        self._ended.set()
        if self._thread.is_alive():
            self._thread.join(BEAT_SECONDS)
        try:
            self._write(closed=True)
        except UnreachableError:
            # As after a destroy: the volume is gone.
            return

    def _renew(self) -> None:
        while not self._ended.wait(BEAT_SECONDS):
            try:
                self._write()
            except UnreachableError:
                # The monitor itself is being replaced; what was written stays.
                continue

    def _write(self, *, closed: bool = False) -> None:
        self._lease = replace(
            self._lease, beat=self._lease.beat + 1, expires_at=time.time() + TTL_SECONDS, closed=closed
        )
        self._volume.write(f"{LEASES}/{self._lease.id}.json", self._lease.document())


@contextmanager
def maintenance(stack: str, command: str, services: Collection[str] = ()) -> Iterator[None]:
    """Hold the lease for services, all without any; a stack without a monitor needs none, nor does one within another."""
    if VARIABLE in os.environ:
        yield
        return
    with OperationsVolume.of(stack) as volume:
        if volume is None:
            yield
            return
        lease = Maintenance(volume, command, services)
        lease.begin()
        os.environ[VARIABLE] = command
        try:
            yield
        finally:
            del os.environ[VARIABLE]
            lease.end()


def held(volume: OperationsVolume) -> list[Lease]:
    """Return the leases that have neither ended nor expired."""
    found = []
    for document in volume.read(LEASES):
        try:
            lease = Lease.parse(document)
        except ValueError:
            continue
        if not lease.closed and lease.expires_at > time.time():
            found.append(lease)
    return found


def mark_stopped(stack: str, services: Collection[str], *, stopped: bool) -> None:
    """Tell the monitor, if there is one, that services are stopped on purpose, or are not any more."""
    with OperationsVolume.of(stack) as volume:
        if volume is not None:
            for service in services:
                volume.write(f"{STOPPED}/{service}.json", {"service": service, "stopped": stopped, "by": runner_name()})
