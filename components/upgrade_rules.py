"""Rules about data volumes and what may be made anew, each a sentence that names the key, its value, what is allowed and the fix."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from components import serials
from components.versions import SERVERS, UPGRADABLE

if TYPE_CHECKING:
    from components.settings import Settings

# The servers that have data.
REPLACEABLE = (*SERVERS, "minio")


def problems(settings: "Settings") -> list[str]:
    """Return every violated rule as a sentence; empty when the settings fit together."""
    return [f"ai-karen-db:{sentence}" for rule in (_volumes, _replacing) for sentence in rule(settings)]


def _volumes(settings: "Settings") -> Iterator[str]:
    try:
        serials.parse(settings.data_volumes, UPGRADABLE)
    except ValueError as error:
        yield (
            f"dataVolumes is {settings.data_volumes!r}: {error}. "
            "Fix: restore it from the stack's file as it was: ./karen upgrade writes it"
        )


def _replacing(settings: "Settings") -> Iterator[str]:
    text = settings.allow_replacing
    named = [name.strip() for name in text.split(",")]
    if text != "none" and (unknown := sorted(set(named) - set(REPLACEABLE))):
        yield (
            f"allowReplacing is {text!r}: {', '.join(unknown) or 'it'} is no server with data; allowed: none, or "
            f"{', '.join(REPLACEABLE)} with commas between them. Fix: pulumi config rm ai-karen-db:allowReplacing"
        )
