"""What `./karen shell` runs in the toolbox: a Python prompt with an engine's own client, connected as its driver connects."""

import code
import json
import sys
from pathlib import Path

from init.engines import load
from init.protocol import Failure

# Written by whoever starts this, readable by this user alone, and gone once it is read.
REQUEST = Path("/tmp/shell.json")  # noqa: S108 - a path inside the container
_CLIENTS = ("_client", "_connection", "connection")


def main() -> None:
    """Connect, and read statements from standard input until it ends."""
    request = json.loads(REQUEST.read_text(encoding="utf-8"))
    REQUEST.unlink()
    driver = load(request["engine"])
    try:
        driver.connect({**request["connection"], "must_exist": True, "runner": "karen shell"})
    except Failure as failure:
        sys.exit(f"{failure.message}. Fix: {failure.fix}")
    try:
        client = next(getattr(driver, name) for name in _CLIENTS if hasattr(driver, name))
        banner = f"{request['engine']} {driver.server_version()}: `client` is its own client, {type(client).__name__}"
        sys.ps1, sys.ps2 = f"{request['engine']}> ", "... "
        code.interact(banner=banner, local={"client": client}, exitmsg="")
    finally:
        driver.close()


if __name__ == "__main__":
    main()
