"""Who runs migrations: recorded with each of them."""

import getpass
import os
import socket
import uuid


def runner_name() -> str:
    """Return who runs this: user, machine and a number, so that no two runs have the same name."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):
        user = str(os.getuid())
    return f"{user}@{socket.gethostname()}/{uuid.uuid4().hex[:8]}"
