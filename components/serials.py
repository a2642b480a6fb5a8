"""How often each password of a stack was changed, as its configuration says it: `postgres-application=3 redis-administrator=2+`.

Data volumes are counted in the same way (`dataVolumes`): `2` is in use; `2+`: the third is being filled; `3-`: the third is in use, and
Pulumi still has the second.

`2` is in use; `2+`: it is, and the third is made and being given to the server; `3-`: the third is in use, and it was not seen yet
that the second is refused. Then `3`.
"""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass

# Every generated password, by service; the administrator's first.
PASSWORDS = {
    "postgres": ("postgres-administrator", "postgres-application", "postgres-reader"),
    "redis": ("redis-administrator", "redis-application", "redis-reader", "redis-monitor", "redis-backups"),
    "elasticsearch": ("elasticsearch-administrator", "elasticsearch-application", "elasticsearch-reader"),
    "minio": ("minio-administrator", "minio-application", "minio-storage"),
    "milvus": ("milvus-administrator", "milvus-application"),
}
NAMES = tuple(name for names in PASSWORDS.values() for name in names)
_ENTRY = re.compile(r"^([a-z-]+)=([1-9][0-9]{0,5})([+-]?)$")


@dataclass(frozen=True)
class Serial:
    """The number of the password in use, from 1, and how far a rotation of it has come: `+`, `-`, or nothing."""

    number: int = 1
    mark: str = ""

    @property
    def rotating(self) -> bool:
        """Whether the next password is there as well."""
        return self.mark == "+"

    def __str__(self) -> str:
        return f"{self.number}{self.mark}"


def parse(text: str, names: Collection[str] = NAMES) -> dict[str, Serial]:
    """Return the serials by a password's name, without those that were never changed; ValueError says what is allowed."""
    found: dict[str, Serial] = {}
    for entry in text.split():
        match = _ENTRY.match(entry)
        if match is None or match[1] not in names:
            raise ValueError(
                f"{entry!r} is no name=number, with + or - where it is not finished; names: {', '.join(names)}"
            )
        if match[1] in found:
            raise ValueError(f"{match[1]} is there twice")
        found[match[1]] = Serial(int(match[2]), match[3])
    return found


def show(serials: Mapping[str, Serial]) -> str:
    """Return them as they are configured; one that was never changed is left out."""
    return " ".join(f"{name}={serial}" for name, serial in sorted(serials.items()) if serial != Serial())
