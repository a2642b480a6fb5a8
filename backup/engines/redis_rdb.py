"""Reads an RDB as it streams by: its version, how many keys each database has, and a sum of them.

Keys that expire, or have fields that do, are counted for themselves: they vanish, so a restored server may have fewer.
"""

import struct
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from backup.engines.base import digest
from backup.engines.redis_reader import RdbError, Reader
from backup.engines.redis_values import pair, value

EXPIRING = " (expiring)"
FUNCTIONS = "functions"
_MAGIC = b"REDIS"
_VERSIONS = range(11, 13)
# What is below is a key's type.
_FIRST_OPERATION, _END = 243, 255
_INTEGER, _UNSIGNED = struct.Struct("<I"), struct.Struct("<Q")


@dataclass(frozen=True, kw_only=True)
class Contents:
    """What an RDB holds: `counts` and `checksums` by database, its keys that expire apart; `facts` as the server wrote them."""

    counts: Mapping[str, int]
    checksums: Mapping[str, str]
    facts: Mapping[str, str]


class _Parser:
    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._counts: Counter[str] = Counter()
        self._sums: Counter[str] = Counter()
        self._facts: dict[str, str] = {}
        self._database = "db0"
        self._expires = 0

    def parse(self) -> Contents:
        self._header()
        operations = self._operations()
        while (operation := self._reader.byte()) != _END:
            if operation < _FIRST_OPERATION:
                self._key(operation)
            elif operation in operations:
                operations[operation]()
            else:
                raise RdbError(f"it holds an operation {operation}, which is not known here")
        self._verify()
        counts = {"db0": 0, FUNCTIONS: 0, **self._counts}
        return Contents(counts=counts, checksums={name: digest(self._sums[name]) for name in counts}, facts=self._facts)

    def _operations(self) -> Mapping[int, Callable[[], None]]:
        return {
            244: self._slot,
            245: self._library,
            247: self._module,
            248: self._idle,
            249: self._frequency,
            250: self._fact,
            251: self._sizes,
            252: self._milliseconds,
            253: self._seconds,
            254: self._select,
        }

    def _header(self) -> None:
        header = self._reader.take(len(_MAGIC) + 4)
        if not header.startswith(_MAGIC) or not header[len(_MAGIC) :].isdigit():
            raise RdbError(f"it begins with {header!r}, as no RDB does")
        version = int(header[len(_MAGIC) :])
        if version not in _VERSIONS:
            raise RdbError(f"it is of format {version}; allowed: {_VERSIONS.start} to {_VERSIONS.stop - 1}")

    def _key(self, kind: int) -> None:
        name = self._reader.hashed()
        found, fading = value(kind, self._reader)
        if self._expires:
            found = pair(found, self._expires)
        group = self._database
        if fading or self._expires:
            group += EXPIRING
        self._counts[group] += 1
        self._sums[group] += pair(name, found)
        self._expires = 0

    def _fact(self) -> None:
        name = self._reader.string().decode(errors="replace")
        self._facts[name] = self._reader.string().decode(errors="replace")

    def _select(self) -> None:
        self._database = f"db{self._reader.length()}"

    def _milliseconds(self) -> None:
        self._expires = self._reader.number(_UNSIGNED)

    def _seconds(self) -> None:
        self._expires = self._reader.number(_INTEGER) * 1000

    def _library(self) -> None:
        self._counts[FUNCTIONS] += 1
        self._sums[FUNCTIONS] += self._reader.hashed()

    def _module(self) -> None:
        raise RdbError("it holds data of a module, which cannot be compared")

    def _idle(self) -> None:
        self._reader.length()

    def _frequency(self) -> None:
        self._reader.byte()

    def _sizes(self) -> None:
        self._reader.length()
        self._reader.length()

    def _slot(self) -> None:
        self._sizes()
        self._reader.length()

    def _verify(self) -> None:
        found = self._reader.checksum()
        stated = self._reader.number(_UNSIGNED)
        # A server that was told to leave it out writes zeros.
        if stated and stated != found:
            raise RdbError(f"its checksum is {found:016x}, it says {stated:016x}")
        if not self._reader.ended():
            raise RdbError("something follows its end")


def read(next_chunk: Callable[[], bytes]) -> Contents:
    """Read an RDB to its end, from chunks of any size, of which the last is empty; RdbError says what is wrong with it."""
    return _Parser(Reader(next_chunk)).parse()
