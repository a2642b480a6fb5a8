"""The elements of what Redis packs into one string: listpacks and sets of integers. Integers are their decimal text."""

import struct
from collections.abc import Iterator

from backup.engines.redis_reader import RdbError

_HEADER = 6
_END = 0xFF
_SMALL = tuple(b"%d" % number for number in range(0x80))
_INTEGER_BYTES = {0xF1: 2, 0xF2: 3, 0xF3: 4, 0xF4: 8}
_INTSET_FORMS = {2: "h", 4: "i", 8: "q"}
_INTSET_HEADER = struct.Struct("<II")


def listpack(data: bytes) -> list[bytes]:
    """Return the elements of a listpack; RdbError if it is none."""
    found: list[bytes] = []
    try:
        if int.from_bytes(data[:4], "little") != len(data) or data[-1] != _END:
            raise RdbError("a listpack is not of its size")
        at, end = _HEADER, len(data) - 1
        while at < end:
            first = data[at]
            # Most are short texts or small numbers: one byte in front, and one behind.
            if 0x80 <= first < 0xC0:
                stop = at + first - 0x7F
                found.append(data[at + 1 : stop])
                at = stop + 1
            elif first < 0x80:
                found.append(_SMALL[first])
                at += 2
            else:
                element, size = _element(data, at)
                found.append(element)
                at += size + _back(size)
        if at != end:
            raise RdbError("a listpack has no end")
    except IndexError:
        raise RdbError("a listpack is cut off") from None
    return found


def _element(data: bytes, at: int) -> tuple[bytes, int]:
    """Return an element that begins with two bytes or more, and the bytes it takes with these."""
    first = data[at]
    if first < 0xE0:
        value = (first & 0x1F) << 8 | data[at + 1]
        return b"%d" % (value - 0x2000 if value >= 0x1000 else value), 2
    if first < 0xF0:
        size = (first & 0x0F) << 8 | data[at + 1]
        return data[at + 2 : at + 2 + size], 2 + size
    if first == 0xF0:
        size = int.from_bytes(data[at + 1 : at + 5], "little")
        return data[at + 5 : at + 5 + size], 5 + size
    if first in _INTEGER_BYTES:
        size = _INTEGER_BYTES[first]
        return b"%d" % int.from_bytes(data[at + 1 : at + 1 + size], "little", signed=True), 1 + size
    raise RdbError(f"a listpack's element begins with {first:#04x}")


def _back(size: int) -> int:
    """Return the bytes of the length that stands behind an element of `size` bytes."""
    if size < 128:
        return 1
    return 2 if size < 1 << 14 else 3 if size < 1 << 21 else 4 if size < 1 << 28 else 5


def intset(data: bytes) -> Iterator[bytes]:
    """Return the elements of a set of integers; RdbError if it is none."""
    if len(data) < _INTSET_HEADER.size:
        raise RdbError("a set of integers is cut off")
    width, count = _INTSET_HEADER.unpack_from(data)
    if width not in _INTSET_FORMS or len(data) != _INTSET_HEADER.size + width * count:
        raise RdbError("a set of integers is not of its size")
    for value in struct.unpack_from(f"<{count}{_INTSET_FORMS[width]}", data, _INTSET_HEADER.size):
        yield b"%d" % value
