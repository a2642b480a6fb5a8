"""The files that applications read their variables from: looked at before anything is changed, and replaced as a whole."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from ops import environment_file
from ops.cli.errors import NotAsked, Refused
from ops.cli.migrate import pins
from ops.cli.services.connect import FORMS

_PRODUCTION = "production"


def ensure(stack: str, files: Sequence[Path], form: str) -> None:
    """Return if the files can be written, with variables of this form; NotAsked says what is wrong."""
    if form not in FORMS:
        raise NotAsked(f"--from is {form!r}; allowed: {', '.join(FORMS)}")
    if files and form == "host" and pins.configuration(stack).get("mode") == _PRODUCTION:
        raise NotAsked(f"{stack} publishes no port. Fix: add --from network")
    for file in files:
        if file.is_dir() or file.is_mount() or not os.access(file.parent, os.W_OK | os.X_OK):
            allowed = "a file in a directory that may be written to, which is not mounted by itself"
            raise NotAsked(
                f"--env-file is {file}, which cannot be replaced; allowed: {allowed}. Fix: name another file"
            )


def tell(files: Sequence[Path], variables: Mapping[str, str]) -> None:
    """Replace the files, each whole or not at all; one that is there keeps its mode and, where that is allowed, its owner."""
    for file in files:
        try:
            before = file.stat() if file.exists() else None
            environment_file.write(file, environment_file.render(variables), before)
        except OSError as error:
            told = f"--env-file {file} cannot be written: {error.strerror}; the server has the next password already"
            raise Refused(f"{told}. Fix: mend that, then run the same command again") from None
