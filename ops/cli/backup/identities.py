"""`backup identity`, and finding the identity that a command was given or that Pulumi has recorded."""

import os
import sys
from dataclasses import dataclass, field
from pathlib import Path

from ops.backups.stack import StackBackups
from ops.cli.backup.asking import described
from ops.cli.errors import DONE, NotAsked
from ops.cli.printer import Printer


@dataclass(frozen=True, kw_only=True)
class Opened:
    """What opens sets, and the public keys whose sets are trusted."""

    identity: str = field(repr=False)
    trust: tuple[str, ...]


def opened(backups: StackBackups | None, path: Path | None) -> Opened:
    """Return what a file holds, or what a stack's record does; NotAsked if the file is none."""
    from backup.keys import IdentityFile

    if path is None:
        assert backups is not None
        return Opened(identity=backups.identity, trust=(backups.public,))
    try:
        found = IdentityFile.parse(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        told = error.strerror if isinstance(error, OSError) else error
        fix = "Fix: give the file that was written with ./karen backup identity"
        raise NotAsked(f"{path} is no identity: {told}. {fix}") from None
    return Opened(identity=found.identity, trust=found.publics)


def identity(printer: Printer, path: Path | None) -> int:
    """Print the identity file, or write it (0600); NotAsked if something is there already."""
    from backup.keys import IdentityFile

    backups = described(printer.stack)
    text = IdentityFile.render(printer.stack, backups.identity, backups.public)
    if path is None:
        sys.stdout.write(text)
        return DONE
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise NotAsked(f"{path} cannot be written: {error.strerror}. Fix: name a file that is not there yet") from None
    with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
        stream.write(text)
    printer.end(
        f"Done: {path} opens the sets of {printer.stack}. Keep it apart from this machine.", {"file": str(path)}
    )
    return DONE
