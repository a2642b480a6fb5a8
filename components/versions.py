"""Which files a server reads: the part of its version that a data volume carries as a label. Pure."""

import re
from collections.abc import Mapping

ENGINE_LABEL = "com.ai-karen.engine-version"
# Their data pass from one major version to the next by `./karen upgrade`. Milvus' are in three volumes at once.
UPGRADABLE = ("postgres", "redis", "elasticsearch")
# How many numbers of a version name a major one.
_NUMBERS: Mapping[str, int] = {"postgres": 1, "redis": 1, "elasticsearch": 1, "etcd": 2, "milvus": 2}
# Releases of these say nothing of their files: MinIO's are dates, DuckDB is a library. It is the format's own number.
_FORMATS: Mapping[str, str] = {"minio": "3", "duckdb": "1"}
SERVERS = tuple(_NUMBERS)


def major(service: str, version: str) -> str:
    """Return the major version in a version: `17` of PostgreSQL 17.6, `2.3` of Milvus v2.3.5; empty for what has no data."""
    if service in _FORMATS:
        return _FORMATS[service]
    numbers = re.findall(r"\d+", version)
    return ".".join(numbers[: _NUMBERS[service]]) if service in _NUMBERS else ""


def is_older(one: str, other: str) -> bool:
    """Whether a major version comes before another."""
    return _numbers(one) < _numbers(other)


def _numbers(version: str) -> list[int]:
    return [int(number) for number in version.split(".")]
