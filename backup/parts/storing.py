"""On the way to a target: written → zstd → age → measured → stored."""

import io
from collections.abc import Generator, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from types import TracebackType
from typing import IO, Any

from backup.model import StoredFile
from backup.parts.pipes import Measured, Pump, pipe
from backup.targets.base import Target

_LEVEL = 3
_THREADS = 2
_BUFFER_BYTES = 1 << 17


class Storing:
    """A context that gives the stream to write; `stored` is what became of it, None before the context has ended well."""

    def __init__(self, target: Target, root: str, path: str, recipient: str) -> None:
        """`path` is relative to the set, whose own path on the target is `root`; `recipient` is age's (`age1…`)."""
        self.stored: StoredFile | None = None
        self._target, self._root, self._path, self._recipient = target, root, path, recipient
        self._running: AbstractContextManager[IO[bytes]] | None = None

    def __enter__(self) -> IO[bytes]:
        self._running = self._store()
        return self._running.__enter__()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool | None:
        assert self._running is not None
        return self._running.__exit__(kind, error, trace)

    @contextmanager
    def _store(self) -> Iterator[IO[bytes]]:
        with self._target.write(f"{self._root}/{self._path}") as stored:
            measured = Measured(stored)
            plain = yield from self._encrypt(measured)
        self.stored = StoredFile(path=self._path, stored=measured.size, plain=plain, sha256=measured.sha256)

    def _encrypt(self, measured: Measured) -> Generator[IO[bytes], None, int]:
        """Give the stream to write; return how many bytes were written. What fails first is what is raised."""
        import pyrage

        recipient = pyrage.x25519.Recipient.from_str(self._recipient)
        read, write = pipe()
        pump = Pump(lambda: pyrage.encrypt_io(read, measured, [recipient]), read)
        compressing = _Compressing(write)
        stream = io.BufferedWriter(compressing, _BUFFER_BYTES)
        try:
            yield stream
            if not stream.closed:
                stream.flush()
            compressing.finish()
            write.close()
        except BaseException as error:
            compressing.discard()
            with suppress(BrokenPipeError):
                write.close()
            pump.join()
            if isinstance(error, Exception) and (cause := measured.error or pump.error):
                raise cause from error
            raise
        pump.join()
        if cause := measured.error or pump.error:
            raise cause
        return compressing.size


def store(target: Target, root: str, path: str, recipient: str) -> Storing:
    """Return a context in which a file is written; an exception in it, or on the way, discards the file.

    What the target refuses is raised as its own `Failure`.
    """
    return Storing(target, root, path, recipient)


class _Compressing(io.RawIOBase):
    """Compresses into a stream; `size` is how many bytes were given to it."""

    def __init__(self, stream: IO[bytes]) -> None:
        import zstandard

        self._stream: IO[bytes] | None = stream
        self._zstd = zstandard.ZstdCompressor(level=_LEVEL, threads=_THREADS, write_checksum=True).compressobj()
        self.size = 0

    def writable(self) -> bool:
        return True

    def write(self, data: Any, /) -> int:
        size = len(data)
        if self._stream is not None:
            self._stream.write(self._zstd.compress(data))
            self.size += size
        return size

    def finish(self) -> None:
        """Write the rest."""
        if self._stream is not None:
            self._stream.write(self._zstd.flush())

    def discard(self) -> None:
        """Take whatever comes from now on, and forget it."""
        self._stream = None
