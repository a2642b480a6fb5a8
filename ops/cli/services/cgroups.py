"""What a container uses, from the kernel's own counters: the container engine takes a second to tell the same.

https://docs.kernel.org/admin-guide/cgroup-v2.html, and cgroup-v1 where the machine has that.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_ROOT = Path("/sys/fs/cgroup")
_NANOSECONDS, _MICROSECONDS = 1e9, 1e6


@dataclass(frozen=True)
class Counters:
    """Seconds of processor time so far, and bytes of memory now, without what the kernel gives back at once."""

    seconds: float
    memory: int


def counters(process: int, container: str) -> Counters | None:
    """Return a container's counters by its first process; None where they are not this machine's, or cannot be read."""
    try:
        paths = dict(_paths(process))
        if not paths or not all(container in path for path in paths.values()):
            return None
        return _version_1(paths) if "memory" in paths else _version_2(paths[""])
    except (OSError, ValueError, KeyError):
        return None


def _paths(process: int) -> Iterator[tuple[str, str]]:
    """Yield each controller with its group; version 2 has one for all, named by nothing."""
    for line in Path(f"/proc/{process}/cgroup").read_text(encoding="utf-8").splitlines():
        _, controllers, path = line.split(":", 2)
        for one in controllers.split(","):
            yield one, path


def _version_1(paths: dict[str, str]) -> Counters:
    memory, processor = _ROOT / f"memory{paths['memory']}", _ROOT / f"cpuacct{paths['cpuacct']}"
    used = int((memory / "memory.usage_in_bytes").read_text())
    seconds = int((processor / "cpuacct.usage").read_text()) / _NANOSECONDS
    return Counters(seconds, used - _value(memory / "memory.stat", "total_inactive_file"))


def _version_2(path: str) -> Counters:
    group = _ROOT / path.lstrip("/")
    used = int((group / "memory.current").read_text())
    seconds = _value(group / "cpu.stat", "usage_usec") / _MICROSECONDS
    return Counters(seconds, used - _value(group / "memory.stat", "inactive_file"))


def _value(file: Path, key: str) -> int:
    return next(int(value) for name, value in map(str.split, file.read_text().splitlines()) if name == key)
