"""Sending a job its data while its answer is waited for: one that finds a fault answers before it has read everything."""

import socket
import threading
from collections.abc import Callable, Iterable
from contextlib import suppress

from init import protocol

_STOP_SECONDS = 10.0


class Upload(threading.Thread):
    """A thread that sends data. `error` is what went wrong with reading it; a connection that ended is no error."""

    error: Exception | None = None

    def __init__(self, connection: socket.socket, data: Iterable[bytes], *, failed: Callable[[], None]) -> None:
        """`failed` is called when the data cannot be read any further."""
        super().__init__(daemon=True)
        self._connection = connection
        self._data = data
        self._failed = failed

    def run(self) -> None:
        """Send everything."""
        try:
            protocol.send(self._write, self._data)
        except _Ended:
            # Why it ended is in the job's answer, or in its log.
            pass
        except Exception as error:  # noqa: BLE001 - whoever waits for the job's answer raises it
            self.error = error
            self._failed()

    def stop(self) -> None:
        """End the thread, which may hang in a connection that nobody reads any more."""
        if self.is_alive():
            with suppress(OSError):
                self._connection.shutdown(socket.SHUT_RDWR)
            self.join(_STOP_SECONDS)

    def _write(self, data: bytes) -> None:
        try:
            self._connection.sendall(data)
        except OSError as error:
            raise _Ended from error


class _Ended(Exception):
    """The connection is gone."""
