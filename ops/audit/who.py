"""Who runs a command, and from which state of the checkout."""

import os
import pwd
import socket
import subprocess
from contextlib import suppress
from pathlib import Path
from typing import Any

from bootstrap import places

# What the kernel says of a process that nobody has logged in for.
_NOBODY = 2**32 - 1
_GIT_SECONDS = 10


def who() -> dict[str, Any]:
    """Return the operating system's user and the host; `login` is who logged in, where that is another, as under sudo."""
    found = {"user": user_name(os.getuid()), "host": socket.gethostname()}
    login = _login()
    return {**found, "login": login} if login and login != found["user"] else found


def user_name(uid: int) -> str:
    """Return a user's name: from the system, as the environment says whatever somebody has put there."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def checkout() -> dict[str, Any]:
    """Return the commit that the checkout is at, and whether it is `dirty`; None for both where Git does not tell."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    command = ["git", "--no-optional-locks", "status", "--porcelain=v2", "--branch"]
    try:
        done = subprocess.run(
            command, cwd=places.CHECKOUT, env=environment, capture_output=True, text=True, check=True,
            timeout=_GIT_SECONDS,
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError):
        return {"commit": None, "dirty": None}
    lines = done.stdout.splitlines()
    commits = [line.removeprefix("# branch.oid ") for line in lines if line.startswith("# branch.oid ")]
    return {"commit": commits[0] if commits else None, "dirty": any(not line.startswith("#") for line in lines)}


def _login() -> str:
    with suppress(OSError, ValueError):
        uid = int(Path("/proc/self/loginuid").read_text(encoding="ascii"))
        return "" if uid == _NOBODY else user_name(uid)
    return ""
