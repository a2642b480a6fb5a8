"""The migrations that a preview names: each engine's provider tells what is pending, and whether it may remove data. Pure."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

# As `InitializationProvider.check` says it.
_PENDING = re.compile(r"(?P<engine>\S+): migration (?P<name>\S+) is pending(?P<losses>, and may remove data)?")


@dataclass(frozen=True, kw_only=True, order=True)
class Pending:
    """One migration that the update would apply."""

    engine: str
    name: str
    losses: bool


def pending(messages: Iterable[str]) -> tuple[list[Pending], list[str]]:
    """Return the pending migrations, in the order in which they are applied, and the lines that are about something else."""
    found, others = set(), set()
    for line in (line.strip() for message in messages for line in message.splitlines()):
        told = _PENDING.fullmatch(line)
        if told:
            found.add(Pending(engine=told["engine"], name=told["name"], losses=told["losses"] is not None))
        elif line:
            others.add(line)
    return sorted(found), sorted(others)
