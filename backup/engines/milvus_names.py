"""The names of what a restore has beside the data: collections of one set, and a mark of how far it has come.

A collection's name says whose it is, since its description and its properties must be those of the set.
"""

from hashlib import blake2b

# No collection of a set ever begins so.
RESTORING = "karen_restoring_"
# Every collection is loaded and compared; what is in its place is being exchanged.
LOADED, EXCHANGING = "loaded", "exchanging"
_TAG_BYTES = 8


def tag(set_id: str) -> str:
    """Return a set's tag: 16 characters that a name may have, whatever its id has."""
    return blake2b(set_id.encode(), digest_size=_TAG_BYTES).hexdigest()


def temporary(set_id: str, number: int) -> str:
    """Return the name of a set's collection until it is in its place; `number` is its place in the set's list."""
    return f"{RESTORING}{tag(set_id)}_{number:06}"


def mark(set_id: str, stage: str) -> str:
    """Return the name of the mark that a set has come to a stage."""
    return f"{RESTORING}{tag(set_id)}_{stage}"


def tag_of(name: str) -> str:
    """Return the tag in a name, "" if it has none."""
    return name.removeprefix(RESTORING).split("_")[0] if name.startswith(RESTORING) else ""
