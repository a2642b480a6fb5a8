"""The maintenance lease as a command takes it: what keeps it from that ends the command."""

from collections.abc import Collection, Iterator
from contextlib import contextmanager

from ops.cli.errors import NotAsked, Refused
from ops.maintenance import UnderMaintenance, maintenance
from ops.operations_volume import UnreachableError


@contextmanager
def leased(stack: str, command: str, services: Collection[str] = ()) -> Iterator[None]:
    """Keep the monitor, and whoever else takes leases, off services, off all without any.

    Refused while somebody else works on them, NotAsked if the monitor cannot be told. `command` is what others are told to
    run again, should this one be killed; it is for this stack if it names none.
    """
    named = command if " --stack " in f"{command} " else f"{command} --stack {stack}"
    try:
        with maintenance(stack, named, services):
            yield
    except UnderMaintenance as error:
        raise Refused(str(error)) from None
    except UnreachableError as error:
        raise NotAsked(str(error)) from None
