"""Serials of passwords in a stack's configuration: the note of how far a rotation has come."""

from collections.abc import Collection, Mapping

from components.serials import Serial, parse, show
from ops.cli.errors import NotAsked
from ops.cli.migrate import pins
from ops.pulumi import PulumiError, run

_KEY = "passwordSerials"
_NAME = f"ai-karen-db:{_KEY}"
ISSUED, COMMITTED = "+", "-"


def read(stack: str) -> dict[str, Serial]:
    """Return what is configured, without passwords that were never changed; NotAsked if it cannot be read."""
    try:
        return parse(str(pins.configuration(stack).get(_KEY) or ""))
    except ValueError as error:
        raise NotAsked(f"{_NAME}: {error}. Fix: restore it in Pulumi.{stack}.yaml") from None


def write(stack: str, serials: Mapping[str, Serial]) -> None:
    """Configure them, as `pulumi config` does."""
    text = show(serials)
    try:
        if text:
            # Some of these look like secrets to Pulumi, which would refuse to write them otherwise.
            run(stack, "config", "set", _NAME, text, "--plaintext")
        elif _KEY in pins.configuration(stack):
            run(stack, "config", "rm", _NAME)
    except PulumiError as error:
        raise NotAsked(f"{_NAME} could not be written: {error}") from None


def begin(stack: str, names: Collection[str]) -> None:
    """Note that these passwords get a successor."""
    found = read(stack)
    write(stack, {**found, **{name: Serial(found.get(name, Serial()).number, ISSUED) for name in names}})


def commit(stack: str) -> None:
    """Note that the successors are in use."""
    found = read(stack)
    write(
        stack,
        {name: Serial(one.number + 1, COMMITTED) if one.mark == ISSUED else one for name, one in found.items()},
    )


def end(stack: str, names: Collection[str]) -> None:
    """Note that nothing is left to do for these passwords."""
    found = read(stack)
    write(stack, {name: Serial(one.number) if name in names else one for name, one in found.items()})


def marked(stack: str, mark: str) -> list[str]:
    """Return the passwords with a mark."""
    return [name for name, one in read(stack).items() if one.mark == mark]


def unfinished(stack: str) -> list[str]:
    """Return the passwords of a rotation that was cut off."""
    return [name for name, one in read(stack).items() if one.mark]
