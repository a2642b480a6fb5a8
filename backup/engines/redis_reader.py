"""Reads what an RDB consists of from a stream, chunk by chunk: numbers, lengths and strings, and sums strings as it goes."""

import struct
from collections.abc import Callable, Iterator

import anycrc
import xxhash

from backup.engines import redis_lzf

# What may be in memory at once: longer strings are summed by the piece, longer packed values do not occur.
_WHOLE = 1024 * 1024
_PACKED_LIMIT = 64 * 1024 * 1024
_LZF = 3
_SHORT = 64
_INTEGERS = {0: struct.Struct("<b"), 1: struct.Struct("<h"), 2: struct.Struct("<i")}

hash64 = xxhash.xxh3_64_intdigest
_crc64 = anycrc.Model("CRC64-REDIS").calc


class RdbError(ValueError):
    """The bytes are not a whole, undamaged RDB of a kind that is known here; the message says what was found."""


class Reader:
    """A position in a stream of chunks; at its end `next_chunk` returns b""."""

    def __init__(self, next_chunk: Callable[[], bytes]) -> None:
        self._next = next_chunk
        self._crc = 0
        self.data = b""
        self.at = 0

    def advance(self) -> None:
        """Go on to the next chunk, once the current one is read; RdbError at the end."""
        self._crc = _crc64(self.data, self._crc)
        self.data, self.at = self._next(), 0
        if not self.data:
            raise RdbError("it ends before its end")

    def ended(self) -> bool:
        """Whether nothing follows."""
        return self.at == len(self.data) and not self._next()

    def checksum(self) -> int:
        """Return the CRC-64 of everything that was read; only the end may be read after it."""
        self._crc = _crc64(self.data[: self.at], self._crc)
        return self._crc

    def byte(self) -> int:
        """Return the next byte."""
        if self.at == len(self.data):
            self.advance()
        self.at += 1
        return self.data[self.at - 1]

    def pieces(self, size: int) -> Iterator[bytes]:
        """Return the next `size` bytes as they come."""
        while size:
            if self.at == len(self.data):
                self.advance()
            piece = self.data[self.at : self.at + size]
            self.at += len(piece)
            size -= len(piece)
            yield piece

    def take(self, size: int) -> bytes:
        """Return the next `size` bytes."""
        end = self.at + size
        if end <= len(self.data):
            found = self.data[self.at : end]
            self.at = end
            return found
        if size > _PACKED_LIMIT:
            raise RdbError(f"a packed value of {size} bytes; allowed: {_PACKED_LIMIT}")
        return b"".join(self.pieces(size))

    def number(self, form: struct.Struct) -> int:
        """Return a number of a fixed form."""
        found: int = form.unpack(self.take(form.size))[0]
        return found

    def length(self) -> int:
        """Return a length; RdbError if a specially encoded string is there."""
        found, encoded = self._length()
        if encoded:
            raise RdbError(f"a length is encoded as {found}")
        return found

    def _length(self) -> tuple[int, bool]:
        first = self.byte()
        kind = first >> 6
        if kind == 0:
            return first, False
        if kind == 1:
            return (first & 63) << 8 | self.byte(), False
        if kind == 3:
            return first & 63, True
        if first in {0x80, 0x81}:
            return int.from_bytes(self.take(4 if first == 0x80 else 8), "big"), False
        raise RdbError(f"a length begins with {first:#04x}")

    def string(self) -> bytes:
        """Return a string whole, decompressed; an integer as its decimal text."""
        size, encoded = self._length()
        if not encoded:
            return self.take(size)
        if size != _LZF:
            return self._integer(size)
        packed, plain = self.length(), self.length()
        if plain > _PACKED_LIMIT:
            raise RdbError(f"a packed value of {plain} bytes; allowed: {_PACKED_LIMIT}")
        return self._decompressed(packed, plain)

    def hashed(self) -> int:
        """Return the hash of a string of any size: the same for every encoding."""
        data, at = self.data, self.at
        if at < len(data) and (size := data[at]) < _SHORT and at + size < len(data):
            self.at = at + 1 + size
            return hash64(data[at + 1 : self.at])
        size, encoded = self._length()
        if not encoded:
            return hash64(self.take(size)) if size <= _WHOLE else _hashed(self.pieces(size))
        if size != _LZF:
            return hash64(self._integer(size))
        packed, plain = self.length(), self.length()
        if plain <= _WHOLE:
            return hash64(self._decompressed(packed, plain))
        try:
            return _hashed(redis_lzf.pieces(self.pieces(packed), plain))
        except redis_lzf.LzfError as error:
            raise RdbError(str(error)) from None

    def hashes(self, count: int, behind: int = 0) -> tuple[list[int], bytes]:
        """Return the hashes of so many strings, and what follows them, `behind` bytes after each, one after the other."""
        found, tails = [], []
        data, at = self.data, self.at
        for _ in range(count):
            # Most strings are short, and whole within a chunk.
            if at < len(data) and (size := data[at]) < _SHORT and at + size + behind < len(data):
                stop = at + 1 + size
                found.append(hash64(data[at + 1 : stop]))
                at = stop + behind
                tails.append(data[stop:at])
            else:
                self.at = at
                found.append(self.hashed())
                tails.append(self.take(behind))
                data, at = self.data, self.at
        self.at = at
        return found, b"".join(tails)

    def _decompressed(self, packed: int, plain: int) -> bytes:
        try:
            return redis_lzf.decompress(self.take(packed), plain)
        except redis_lzf.LzfError as error:
            raise RdbError(str(error)) from None

    def _integer(self, kind: int) -> bytes:
        if kind not in _INTEGERS:
            raise RdbError(f"a string is encoded as {kind}")
        return b"%d" % self.number(_INTEGERS[kind])


def _hashed(pieces: Iterator[bytes]) -> int:
    running = xxhash.xxh3_64()
    for piece in pieces:
        running.update(piece)
    return running.intdigest()
