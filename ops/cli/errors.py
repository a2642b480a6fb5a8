"""What ends a command: a sentence with the fix, and an exit code."""

DONE, REFUSED, NOT_ASKED, INTERRUPTED = 0, 1, 2, 130


class CommandError(Exception):
    """The command ends here; `code` is its exit code."""

    code = REFUSED


class Refused(CommandError):
    """Something is wrong, or was not agreed to."""


class NotAsked(CommandError):
    """The stack could not be asked, or the request makes no sense."""

    code = NOT_ASKED


class Locked(Refused):
    """Another update of the stack is running."""
