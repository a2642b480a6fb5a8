"""Sums the values of an RDB: equal data have equal sums, whatever their encoding and the order of what has none.

A value's sum is 64 bits. Elements of sets, hashes and sorted sets are added up, those of lists and streams follow each other.
"""

import struct
from collections.abc import Callable, Iterable, Iterator
from itertools import chain, repeat

import xxhash

from backup.engines.redis_packed import intset, listpack
from backup.engines.redis_reader import RdbError, Reader, hash64

_STRING, _LIST, _SET, _SORTED, _HASH, _STREAM = range(6)
_MODULES = {6, 7}
_LONG = struct.Struct("<q")
_DOUBLE = struct.Struct("<d")
_PAIR, _FIELD, _SCORED = struct.Struct("<QQ"), struct.Struct("<QQQ"), struct.Struct("<Qd")
_PLAIN, _PACKED = 1, 2
_MASK = (1 << 64) - 1
_ZERO = 0.0
_AT_ONCE = 4096
# A sum, and whether something in the value expires by itself.
Sum = tuple[int, bool]


def value(kind: int, reader: Reader) -> Sum:
    """Read a value of an RDB type; RdbError names a type that is not known here."""
    if kind in _SUMS:
        return _SUMS[kind](reader)
    if kind in _MODULES:
        raise RdbError("it holds a value of a module (a vector set, JSON, a filter …), which cannot be compared")
    raise RdbError(f"it holds a value of type {kind}; known: those of Redis 7.2 to 8.0")


def pair(first: int, second: int) -> int:
    """Return one hash of two, in this order."""
    return hash64(_PAIR.pack(first, second))


def _total(kind: int, sums: Iterable[int], count: int) -> int:
    """Return the sum of `count` elements without an order; their number counts."""
    return pair(sum(sums) & _MASK, count << 8 | kind)


def _parts(count: int) -> Iterator[int]:
    """Return how many of `count` elements to read at a time."""
    for start in range(0, count, _AT_ONCE):
        yield min(_AT_ONCE, count - start)


def _string(reader: Reader) -> Sum:
    return pair(reader.hashed(), _STRING), False


def _list(reader: Reader) -> Sum:
    running = xxhash.xxh3_64()
    for _ in range(reader.length()):
        container = reader.length()
        if container not in {_PLAIN, _PACKED}:
            raise RdbError(f"a list's node is of kind {container}")
        sums = [reader.hashed()] if container == _PLAIN else [hash64(one) for one in listpack(reader.string())]
        running.update(struct.pack(f"<{len(sums)}Q", *sums))
    return pair(running.intdigest(), _LIST), False


def _set(reader: Reader) -> Sum:
    count = reader.length()
    return _total(_SET, chain.from_iterable(reader.hashes(part)[0] for part in _parts(count)), count), False


def _set_integers(reader: Reader) -> Sum:
    elements = list(intset(reader.string()))
    return _total(_SET, map(hash64, elements), len(elements)), False


def _set_packed(reader: Reader) -> Sum:
    elements = listpack(reader.string())
    return _total(_SET, map(hash64, elements), len(elements)), False


def _scored(members: Iterable[int], scores: Iterable[float]) -> Iterator[int]:
    # A packed negative zero is zero after it was packed anew.
    return map(hash64, map(_SCORED.pack, members, map(_ZERO.__add__, scores)))


def _sorted(reader: Reader) -> Sum:
    count = reader.length()
    return _total(_SORTED, chain.from_iterable(_sorted_part(reader, part) for part in _parts(count)), count), False


def _sorted_part(reader: Reader, count: int) -> Iterator[int]:
    members, scores = reader.hashes(count, _DOUBLE.size)
    return _scored(members, struct.unpack(f"<{count}d", scores))


def _sorted_packed(reader: Reader) -> Sum:
    members, scores = _columns(reader.string(), 2)
    try:
        return _total(_SORTED, _scored(map(hash64, members), map(float, scores)), len(members)), False
    except ValueError as error:
        raise RdbError(f"a sorted set: {error}") from None


def _fields(fields: Iterable[int], contents: Iterable[int], expiries: Iterable[int]) -> Iterator[int]:
    return map(hash64, map(_FIELD.pack, fields, contents, expiries))


def _hash(reader: Reader) -> Sum:
    count = reader.length()
    return _total(_HASH, chain.from_iterable(_hash_part(reader, part) for part in _parts(count)), count), False


def _hash_part(reader: Reader, count: int) -> Iterator[int]:
    found, _ = reader.hashes(2 * count)
    return _fields(found[0::2], found[1::2], repeat(0))


def _hash_packed(reader: Reader) -> Sum:
    fields, contents = _columns(reader.string(), 2)
    return _total(_HASH, _fields(map(hash64, fields), map(hash64, contents), repeat(0)), len(fields)), False


def _hash_expiring(*, relative: bool) -> Callable[[Reader], Sum]:
    """Return what reads a hash whose fields expire: each has its time in front, where `relative`, from the first one."""

    def read(reader: Reader) -> Sum:
        first = reader.number(_LONG) if relative else 1
        count = reader.length()
        return _total(_HASH, (_timed(reader, first) for _ in range(count)), count), True

    return read


def _timed(reader: Reader, first: int) -> int:
    time = reader.length()
    expires = (time + first - 1) & _MASK if time else 0
    return hash64(_FIELD.pack(reader.hashed(), reader.hashed(), expires))


def _hash_expiring_packed(*, first: bool) -> Callable[[Reader], Sum]:
    """Return what reads such a hash, packed as field, content and time; where `first`, the first time is in front."""

    def read(reader: Reader) -> Sum:
        if first:
            reader.take(_LONG.size)
        fields, contents, times = _columns(reader.string(), 3)
        sums = _fields(map(hash64, fields), map(hash64, contents), map(_time, times))
        return _total(_HASH, sums, len(fields)), True

    return read


def _time(text: bytes) -> int:
    if not text.isdigit():
        raise RdbError(f"a field's expiry is {text[:20]!r}")
    return int(text) & _MASK


def _columns(data: bytes, count: int) -> Iterator[list[bytes]]:
    """Return every first, every second … of a listpack's elements, which are groups of `count`."""
    elements = listpack(data)
    if len(elements) % count:
        raise RdbError(f"a listpack's elements are no groups of {count}")
    return (elements[place::count] for place in range(count))


def _stream(reader: Reader) -> Sum:
    """Sum a stream's nodes, its facts and its groups: all of them are in an order of their own, and kept as they are."""
    running = xxhash.xxh3_64()

    def strings(count: int) -> None:
        for _ in range(count):
            running.update(reader.hashed().to_bytes(8, "little"))

    def numbers(count: int) -> None:
        for _ in range(count):
            running.update(reader.length().to_bytes(8, "little"))

    def counted() -> range:
        count = reader.length()
        running.update(count.to_bytes(8, "little"))
        return range(count)

    strings(2 * len(counted()))
    # Entries; the last, the first and the highest deleted identifier; entries ever added.
    numbers(1 + 2 + 2 + 2 + 1)
    for _ in counted():
        strings(1)
        # The last identifier, of two numbers, and the entries read.
        numbers(3)
        for _ in counted():
            # The identifier and when it was delivered, then how often.
            running.update(reader.take(16 + 8))
            numbers(1)
        for _ in counted():
            strings(1)
            # When the consumer was seen and when it was active, then what it has not acknowledged.
            running.update(reader.take(8 + 8))
            for _ in counted():
                running.update(reader.take(16))
    return pair(running.intdigest(), _STREAM), False


_SUMS: dict[int, Callable[[Reader], Sum]] = {
    0: _string,
    2: _set,
    4: _hash,
    5: _sorted,
    11: _set_integers,
    16: _hash_packed,
    17: _sorted_packed,
    18: _list,
    20: _set_packed,
    21: _stream,
    22: _hash_expiring(relative=False),
    23: _hash_expiring_packed(first=False),
    24: _hash_expiring(relative=True),
    25: _hash_expiring_packed(first=True),
}
