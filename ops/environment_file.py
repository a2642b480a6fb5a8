"""`make env`: the application's variables, in the form that was asked for, written to `.env` for shells and for python-dotenv alike."""

import argparse
import os
import re
import stat
import sys
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from ops.pulumi import PulumiError, outputs

_SINGLE_QUOTED = re.compile(r"^[^'\\$]*$")
# Shells and python-dotenv read the same escapes in double quotes, and both expand ${NAME}, but only a shell reads \$
# and \`: these two characters are put in by reference.
_REFERENCES = {"$": ("KAREN_DOLLAR", "'$'"), "`": ("KAREN_BACKTICK", "'`'")}


def quote(value: str) -> str:
    """Return a value so that `set -a; . ./.env` and python-dotenv both read back exactly that; no line breaks."""
    if "\n" in value or "\r" in value:
        raise ValueError("a value with a line break cannot be written to .env")
    if _SINGLE_QUOTED.match(value):
        return f"'{value}'"
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    for character, (name, _) in _REFERENCES.items():
        escaped = escaped.replace(character, f"\0{name}\1")
    return '"' + escaped.replace("\0", "${").replace("\1", "}") + '"'


def render(variables: Mapping[str, str]) -> str:
    """Return the file's text, the helper variables first where a value needs them."""
    lines = [f"{name}={quote(value)}" for name, value in sorted(variables.items())]
    needed = [f"{name}={text}" for name, text in _REFERENCES.values() if any(f"${{{name}}}" in line for line in lines)]
    return "\n".join([*needed, *lines, ""])


def write(path: Path, text: str, like: os.stat_result | None = None) -> None:
    """Replace the file at once, readable by its owner only, or with another one's mode and, as far as is allowed, its owner."""
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=".env-")
    with os.fdopen(descriptor, "w", encoding="utf-8") as target:
        target.write(text)
    if like is not None:
        with suppress(PermissionError):
            os.chown(temporary, like.st_uid, like.st_gid)
    os.chmod(temporary, 0o600 if like is None else stat.S_IMODE(like.st_mode))
    os.replace(temporary, path)


def main() -> None:
    """Write the file, or say why there is none to write."""
    parser = argparse.ArgumentParser(prog="make env", description=__doc__)
    parser.add_argument("--stack", default="dev")
    parser.add_argument(
        "--form", choices=["host", "network"], default="host", help="for an application on this host, or in a container"
    )
    parser.add_argument("--file", type=Path, default=Path(".env"))
    options = parser.parse_args()
    try:
        variables = outputs(options.stack)["env"][options.form]
    except (PulumiError, KeyError) as error:
        sys.exit(f"The stack {options.stack} has no environment to write ({error}). Fix: make up STACK={options.stack}")
    if "KAREN_NOT_PUBLISHED" in variables:
        sys.exit(f"{variables['KAREN_NOT_PUBLISHED']} Fix: make env STACK={options.stack} FORM=network")
    write(options.file, render(variables))
    print(f"{options.file}: {len(variables)} variables of {options.stack}, {options.form} form, mode 0600")


if __name__ == "__main__":
    main()
