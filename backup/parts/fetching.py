"""On the way from a target: read → measured → age → zstd → given out; compared with the manifest at its end."""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Any

from backup.model import StoredFile
from backup.parts.pipes import Measured, Pump, pipe
from backup.targets.base import Target
from init.protocol import Failure

_BUFFER_BYTES = 1 << 17
_NO_MATCH = "No matching keys found"


@contextmanager
def fetch(target: Target, root: str, file: StoredFile, identity: str) -> Iterator[IO[bytes]]:
    """Give a stream of a file's plain bytes; `identity` is age's (`AGE-SECRET-KEY-1…`).

    Failure `Damaged` names the file if its size, its plain size or its SHA-256 is not the manifest's; it is raised no later than
    with the last byte. `WrongIdentity`: it was encrypted to another one. The context may be left before the end.
    """
    import pyrage

    key = pyrage.x25519.Identity.from_str(identity)
    with _present(target, f"{root}/{file.path}") as stored:
        measured = Measured(stored)
        read, write = pipe()
        pump = Pump(lambda: pyrage.decrypt_io(measured, write, [key]), write)
        plain = _Plain(file, f"{root}/{file.path}", measured, read, pump)
        try:
            yield io.BufferedReader(plain, _BUFFER_BYTES)
        finally:
            plain.close()
            # It ends with what it cannot write any more.
            read.close()
            pump.join()


def damaged(path: str, reason: str) -> Failure:
    """Return the failure for a file that is not as it was stored."""
    return Failure(
        "Damaged", f"{path}: {reason}", "use another set (./karen backup list), and look at the target's health"
    )


@contextmanager
def _present(target: Target, path: str) -> Iterator[IO[bytes]]:
    context = target.read(path)
    try:
        stored = context.__enter__()
    except Failure as failure:
        if failure.kind == "NotFound":
            raise damaged(path, "it is missing") from None
        raise
    try:
        yield stored
    finally:
        context.__exit__(None, None, None)


class _Plain(io.RawIOBase):
    """Decompresses, and compares everything before it gives out the last of it."""

    def __init__(self, file: StoredFile, path: str, measured: Measured, read: IO[bytes], pump: Pump) -> None:
        import zstandard

        self._file, self._path, self._measured, self._read, self._pump = file, path, measured, read, pump
        self._zstd = zstandard.ZstdDecompressor().stream_reader(read, read_size=_BUFFER_BYTES, closefd=False)
        self._size = 0
        self._compared = False

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int:
        if self._compared:
            return 0
        size = self._decompress(buffer)
        self._size += size
        if not size or self._size >= self._file.plain:
            self._compare()
        return size

    def _decompress(self, buffer: Any) -> int:
        import zstandard

        try:
            return int(self._zstd.readinto(buffer))
        except zstandard.ZstdError as error:
            self._explain()
            raise damaged(self._path, str(error)) from None

    def _compare(self) -> None:
        """Come to the end of everything, and raise what is wrong."""
        self._size += self._decompress(bytearray(1))
        self._explain()
        if self._size != self._file.plain:
            raise damaged(
                self._path, f"it holds {self._size} bytes or more, not the {self._file.plain} of its manifest"
            )
        self._compared = True

    def _explain(self) -> None:
        """Wait for the rest of the file, and raise what is wrong with it as it is stored."""
        while self._read.read(_BUFFER_BYTES):
            pass
        self._pump.join()
        if self._measured.error:
            raise self._measured.error
        while self._measured.read(_BUFFER_BYTES):
            pass
        if self._measured.size != self._file.stored:
            raise damaged(
                self._path, f"{self._measured.size} bytes are stored, not the {self._file.stored} of its manifest"
            )
        if self._measured.sha256 != self._file.sha256:
            raise damaged(self._path, "its SHA-256 is not that of its manifest")
        if error := self._pump.error:
            if _NO_MATCH in str(error):
                message = f"{self._path}: this identity cannot decrypt it"
                raise Failure("WrongIdentity", message, "give the identity file of the stack that made it")
            raise damaged(self._path, str(error))
