"""Which errors say that an engine's data are damaged, and which command brings them back. Pure."""

import re
from collections.abc import Mapping

_ANY = r"\bcorrupt(?:ed|ion)?\b|checksum mismatch|crc mismatch"
# What the engines and their clients say, and what their logs do when they do not start.
_SIGNS: Mapping[str, re.Pattern[str]] = {
    name: re.compile(signs, re.IGNORECASE)
    for name, signs in {
        # https://www.postgresql.org/docs/17/errcodes-appendix.html: data_corrupted and index_corrupted.
        "postgres": r"\bXX00[12]\b|\bDataCorrupted\b|\bIndexCorrupted\b|invalid page in block|page verification failed"
        r"|could not read blocks? .*read only \d+ of|(?:missing|unexpected) chunk (?:number|size)"
        r"|compressed \S+ data is corrupt|contains (?:unexpected zero|corrupted) page|failed their checksum"
        r"|could not locate a valid checkpoint record|incorrect checksum in control file",
        "redis": r"bad file format reading the append only file|unexpected end of file reading the append only file"
        r"|short read or oom loading db|internal error in rdb reading|wrong rdb checksum|rdb crc error"
        r"|wrong signature trying to load db|rdb file reading failure",
        "duckdb": r"corrupt database file|not a valid duckdb database file|could not read enough bytes from file"
        r"|computed checksum \d+ does not match|failed to deserialize",
        "elasticsearch": r"corrupt_?index|translog_?corrupted|corrupt_?state|\bcorrupt file\b|checksum failed",
        "etcd": rf"{_ANY}|invalid database",
        "milvus": _ANY,
        "minio": rf"{_ANY}|bitrot",
    }.items()
}
# What etcd holds is Milvus' own.
_PART = {"etcd": "milvus"}


def damage(service: str, text: str) -> str | None:
    """Return the first line of an error or of a log that says so; None if none does."""
    signs = _SIGNS.get(service)
    return next((line.strip() for line in text.splitlines() if signs and signs.search(line)), None)


def part(service: str) -> str:
    """Return the engine whose part of a set has a service's data."""
    return _PART.get(service, service)


def remedy(service: str, stack: str, newest: str) -> str:
    """Return the command that brings a service's data back; `newest` is the newest good set, empty where none is known."""
    restore = f"./karen backup restore {newest or 'SET'} --only {part(service)} --stack {stack}"
    return restore if newest else f"{restore}, with one of ./karen backup list --stack {stack}"
