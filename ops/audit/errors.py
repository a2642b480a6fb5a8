"""What can go wrong with the record itself."""

from ops.cli.errors import NotAsked


class RecordError(NotAsked):
    """The record cannot be read or written; the message says why, and what to do."""
