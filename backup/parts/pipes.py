"""A stream is pushed through age in a thread: the library pulls and pushes by itself, so a pipe is between it and the rest."""

import fcntl
import hashlib
import io
import os
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import IO, Any

_PIPE_BYTES = 1 << 20


def pipe() -> tuple[io.BufferedReader, io.BufferedWriter]:
    """Return both ends of a pipe of up to 1 MiB, to read and to write."""
    read, write = os.pipe()
    # A user who has many pipes may only have small ones.
    with suppress(PermissionError):
        fcntl.fcntl(write, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
    size = _PIPE_BYTES // 4
    return io.BufferedReader(io.FileIO(read, "rb"), size), io.BufferedWriter(io.FileIO(write, "wb"), size)


class Measured(io.BufferedIOBase):
    """A stream of which every byte is counted and hashed; its first error is kept, for libraries tell only its text."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self._sum = hashlib.sha256()
        self.size = 0
        self.error: Exception | None = None

    @property
    def sha256(self) -> str:
        """Return the sum of what has passed, hexadecimal."""
        return self._sum.hexdigest()

    def read(self, size: int | None = -1, /) -> bytes:
        """Read and measure."""
        data: bytes = self._kept(self._stream.read, size)
        self._measure(data)
        return data

    def write(self, data: Any, /) -> int:
        """Write and measure."""
        self._kept(self._stream.write, data)
        self._measure(data)
        return len(data)

    def _measure(self, data: bytes) -> None:
        self._sum.update(data)
        self.size += len(data)

    def _kept(self, call: Callable[[Any], Any], argument: Any) -> Any:
        try:
            return call(argument)
        except Exception as error:
            self.error = self.error or error
            raise


class Pump(threading.Thread):
    """Runs a library's `work` beside, and closes its end of the pipe however it ends; `error` is why it failed."""

    def __init__(self, work: Callable[[], object], end: IO[bytes]) -> None:
        super().__init__(name="age", daemon=True)
        self._work, self._end = work, end
        self.error: Exception | None = None
        self.start()

    def run(self) -> None:
        try:
            self._work()
        except Exception as error:  # noqa: BLE001 - handed to who waits for this thread
            self.error = error
        finally:
            # What is left in the buffer of a pipe that nobody reads any more is not wanted.
            with suppress(BrokenPipeError):
                self._end.close()
