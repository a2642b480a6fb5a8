"""Serials of data volumes in a stack's configuration: the note of how far an upgrade has come."""

from components.serials import Serial, parse, show
from components.versions import UPGRADABLE
from ops.cli.errors import NotAsked, Refused
from ops.cli.migrate import pins
from ops.pulumi import PulumiError, run

_KEY = "dataVolumes"
_NAME = f"ai-karen-db:{_KEY}"
FILLING, SWITCHED = "+", "-"


def read(stack: str, service: str) -> Serial:
    """Return which volume an engine uses; NotAsked if it cannot be read."""
    return _all(stack).get(service, Serial())


def write(stack: str, service: str, serial: Serial) -> None:
    """Configure it, as `pulumi config` does."""
    text = show({**_all(stack), service: serial})
    try:
        if text:
            run(stack, "config", "set", _NAME, text)
        elif _KEY in pins.configuration(stack):
            run(stack, "config", "rm", _NAME)
    except PulumiError as error:
        raise NotAsked(f"{_NAME} could not be written: {error}") from None


def ensure_finished(stack: str, *, but: str = "") -> None:
    """Return if no engine's upgrade, except that of `but`, was cut off; Refused names one."""
    for service, serial in _all(stack).items():
        if serial.mark and service != but:
            fix = f"Fix: ./karen upgrade {service}, which finishes it"
            fix += f", or ./karen upgrade {service} --give-up" if serial.mark == FILLING else ""
            raise Refused(f"{_NAME} is {service}={serial}: its upgrade is not finished. Nothing was touched. {fix}")


def clear(stack: str) -> None:
    """Take the note out of the configuration of a stack that has no volumes any more; PulumiError if that fails."""
    if _KEY in pins.configuration(stack):
        run(stack, "config", "rm", _NAME)


def _all(stack: str) -> dict[str, Serial]:
    try:
        return parse(str(pins.configuration(stack).get(_KEY) or ""), UPGRADABLE)
    except ValueError as error:
        raise NotAsked(f"{_NAME}: {error}. Fix: restore it in Pulumi.{stack}.yaml") from None
