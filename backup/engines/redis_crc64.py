"""The CRC-64 at the end of an RDB (Jones' polynomial, reflected), for which no library is kept: over many lanes at a time.

A CRC is linear: a block is cut into lanes of equal length, numpy steps through all of them together, and neighbours are added up.
"""

import numpy as np
from numpy.typing import NDArray

_POLYNOMIAL = 0x95AC9329AC4BC9B5
_LANES, _LANE_BYTES, _WORD = 4096, 256, 8
_BLOCK = _LANES * _LANE_BYTES
Words = NDArray[np.uint64]


def _byte_table() -> Words:
    table: Words = np.arange(256, dtype=np.uint64)
    for _ in range(8):
        table = np.where(table & np.uint64(1), (table >> np.uint64(1)) ^ np.uint64(_POLYNOMIAL), table >> np.uint64(1))
    return table


def _apply(tables: Words, values: Words) -> Words:
    """Return what the operator, given for each of eight bytes, makes of every value."""
    octets = np.ascontiguousarray(values).view(np.uint8).reshape(-1, _WORD)
    result: Words = tables[0].take(octets[:, 0])
    for place in range(1, _WORD):
        result ^= tables[place].take(octets[:, place])
    return result


def _word_tables() -> Words:
    """Return the operator that a step of eight bytes is."""
    tables = np.empty((_WORD, 256), dtype=np.uint64)
    tables[_WORD - 1] = base = _byte_table()
    for place in range(_WORD - 2, -1, -1):
        before = tables[place + 1]
        tables[place] = base.take((before & np.uint64(255)).astype(np.intp)) ^ (before >> np.uint64(8))
    return tables


def _lane_tables() -> list[Words]:
    """Return the operators that zeros of 1, 2, 4 … lanes' lengths are."""
    step = np.zeros((_WORD, 256), dtype=np.uint64)
    for place in range(_WORD):
        step[place] = np.arange(256, dtype=np.uint64) << np.uint64(8 * place)
    for _ in range(_LANE_BYTES // _WORD):
        step = _apply(_WORD_TABLES, step.ravel()).reshape(_WORD, 256)
    found = [step]
    while 2 ** len(found) < _LANES:
        found.append(_apply(found[-1], found[-1].ravel()).reshape(_WORD, 256))
    return found


_WORD_TABLES = _word_tables()
_LANE_TABLES = _lane_tables()


class Crc64:
    """A running checksum; at most a block of 1 MiB waits for its turn."""

    def __init__(self) -> None:
        self._value = 0
        self._waiting = bytearray()

    def update(self, data: bytes | memoryview) -> None:
        """Take the next bytes."""
        self._waiting += data
        while len(self._waiting) >= 2 * _BLOCK:
            self._value = _block(bytes(self._waiting[:_BLOCK]), self._value)
            del self._waiting[:_BLOCK]

    def value(self) -> int:
        """Return the checksum of everything so far; nothing may be added after."""
        while self._waiting:
            self._value = _block(bytes(self._waiting[:_BLOCK]), self._value)
            del self._waiting[:_BLOCK]
        return self._value


def _block(data: bytes, before: int) -> int:
    """Return the checksum of up to a block of bytes that follow what has the checksum `before`."""
    head = min(_WORD, len(data))
    first = int.from_bytes(data[:head], "little") ^ before
    # What is left of a checksum when fewer bytes follow than it has is not theirs to change.
    kept, first = first >> (8 * head), first & ((1 << (8 * head)) - 1)
    depth = max(0, (len(data) - 1) // _LANE_BYTES).bit_length()
    # From zero, zeros in front change nothing.
    whole = bytes((_LANE_BYTES << depth) - len(data)) + first.to_bytes(head, "little") + data[head:]
    words = np.ascontiguousarray(np.frombuffer(whole, dtype=np.uint64).reshape(1 << depth, -1).T)
    lanes = np.zeros(1 << depth, dtype=np.uint64)
    for column in words:
        lanes = _apply(_WORD_TABLES, lanes ^ column)
    for tables in _LANE_TABLES[:depth]:
        lanes = _apply(tables, lanes[0::2]) ^ lanes[1::2]
    return int(lanes[0]) ^ kept
