"""A second process for a client library that takes as long to import as all others together.

Imports hold the interpreter's lock, so threads do not help; another process on another core does. It is the same
program under the same protocol: `python -m init <engine>`, asked for a `report`.
"""

import subprocess
import sys
from collections.abc import Mapping
from typing import Any

from init import protocol
from init.protocol import Failure

# The slowest import by far.
ENGINE = "milvus"


class Delegate:
    """A process that imports one engine's client library as soon as it is made, and answers one request."""

    def __init__(self, engine: str = ENGINE) -> None:
        self.engine = engine
        self._process = subprocess.Popen(
            [sys.executable, "-m", "init", engine], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )

    def ask(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """Send the request and return the reply's result; Failure as the other process had it."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            self._process.stdin.write(protocol.encode(request))
            self._process.stdin.flush()
            reply = protocol.read(self._process.stdout)
        except (OSError, protocol.ProtocolError):
            code = self._process.wait()
            raise Failure(
                "Unexpected", f"{self.engine}: its process ended with code {code}", "read the log lines above"
            ) from None
        if not reply.get("ok"):
            error = reply["error"]
            raise Failure(error["kind"], error["message"], error["fix"])
        result: dict[str, Any] = reply["result"]
        return result

    def close(self) -> None:
        """End the process, whether it was asked or not."""
        self._process.kill()
        self._process.wait()
