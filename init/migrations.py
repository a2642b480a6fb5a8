"""Migration files: parse, checksum, plan. Pure: no connection; used on the host for previews and in the toolbox.

A migration is a file `NNN_name.(sql|json|py)` in the engine's folder; a file `NNN_name.down.<suffix>` beside it is its
way back and no migration of its own. The checksum is SHA-256 over the text with CRLF read as LF, so that a checkout
with other line ends is not taken for an edit.
"""

import hashlib
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

SUFFIXES = ("sql", "json", "py")
# What an engine without an applied migration reports.
NO_VERSION = "none"
_NAME = re.compile(r"(?P<number>\d{3})_[a-z0-9]+(_[a-z0-9]+)*")
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


@dataclass(frozen=True)
class Migration:
    """One migration; `name` has no suffix, `body` has normalized line ends."""

    name: str
    suffix: str
    checksum: str
    body: str

    @property
    def version(self) -> str:
        """Return the number, three digits."""
        return self.name[:3]

    @property
    def file(self) -> str:
        """Return the file's name."""
        return f"{self.name}.{self.suffix}"


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong: its kind, the file it is about, and a sentence with the fix."""

    kind: str
    file: str
    message: str

    def __str__(self) -> str:
        return self.message


class MigrationsInvalid(ValueError):
    """The files of a folder are no sequence of migrations; `problems` names everything that is wrong with them."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("; ".join(str(problem) for problem in problems))
        self.problems = tuple(problems)


@dataclass(frozen=True)
class Plan:
    """What is to be applied, in order, and why it may not be."""

    pending: tuple[Migration, ...]
    problems: tuple[Problem, ...]


def load(directory: Path) -> tuple[Migration, ...]:
    """Return the folder's migrations in order, () for an engine without a folder; MigrationsInvalid if they are bad."""
    if not directory.is_dir():
        return ()
    found: list[Migration] = []
    problems: list[Problem] = []
    for path in sorted(directory.iterdir()):
        if path.is_dir() or path.name.startswith("."):
            continue
        parsed = _parse(path)
        if isinstance(parsed, Problem):
            problems.append(parsed)
        elif parsed is not None:
            found.append(parsed)
    problems += _sequence_problems(directory.name, found) if not problems else []
    if problems:
        raise MigrationsInvalid(problems)
    return tuple(found)


def checksum(body: str) -> str:
    """Return SHA-256 over the text with normalized line ends, in hexadecimal."""
    return hashlib.sha256(normalize(body).encode()).hexdigest()


def normalize(text: str) -> str:
    """Return the text with CRLF as LF."""
    return text.replace("\r\n", "\n")


def pending(recorded: Mapping[str, str], files: Iterable[Migration]) -> Plan:
    """Compare recorded checksums by name with the files; problems are edited and deleted migrations."""
    by_name = {migration.name: migration for migration in files}
    problems = []
    for name, old in sorted(recorded.items()):
        migration = by_name.get(name)
        if migration is None:
            problems.append(_deleted(name, old))
        elif migration.checksum != old:
            problems.append(_edited(migration, old))
    return Plan(tuple(m for name, m in sorted(by_name.items()) if name not in recorded), tuple(problems))


def schema_version(names: Iterable[str]) -> str:
    """Return the highest number among applied migrations, `none` when there are none."""
    return max((name[:3] for name in names), default=NO_VERSION)


def _parse(path: Path) -> Migration | Problem | None:
    """Return the migration in a file, what is wrong with it, or None for a sound `.down.` twin."""
    shown = f"{path.parent.name}/{path.name}"
    stem, _, suffix = path.name.rpartition(".")
    if suffix not in SUFFIXES:
        allowed = ", ".join(f".{one}" for one in SUFFIXES)
        return Problem(
            "unknown-suffix", shown, f"{shown}: unknown suffix .{suffix}. Allowed: {allowed}. Fix: rename it"
        )
    name = stem.removesuffix(".down")
    if _NAME.fullmatch(name) is None:
        return Problem(
            "bad-name",
            shown,
            f"{shown}: bad name {name!r}. Allowed: three digits, an underscore, lower-case words joined by underscores."
            " Fix: rename it, for example to 001_create_tables.sql",
        )
    data = path.read_bytes()
    if data.startswith(_BYTE_ORDER_MARK):
        return Problem(
            "byte-order-mark", shown, f"{shown}: starts with a byte order mark. Fix: save it as UTF-8 without one"
        )
    try:
        body = normalize(data.decode())
    except UnicodeDecodeError as error:
        return Problem("encoding", shown, f"{shown}: not UTF-8 at byte {error.start}. Fix: save it as UTF-8")
    if not body.strip():
        return Problem("empty", shown, f"{shown}: empty. Fix: write the migration, or remove the file")
    if stem != name:
        return None
    return Migration(name=name, suffix=suffix, checksum=checksum(body), body=body)


def _sequence_problems(engine: str, found: Sequence[Migration]) -> list[Problem]:
    by_number: dict[int, list[Migration]] = defaultdict(list)
    for migration in found:
        by_number[int(migration.version)].append(migration)
    problems = []
    for number, same in sorted(by_number.items()):
        if len(same) > 1:
            files = " and ".join(f"{engine}/{migration.file}" for migration in same)
            problems.append(
                Problem(
                    "duplicate", f"{engine}/{same[1].file}", f"{files}: duplicate number {number:03}. Fix: renumber one"
                )
            )
    missing = sorted(set(range(1, max(by_number, default=0) + 1)) - set(by_number))
    if missing:
        after = f"{engine}/{by_number[min(n for n in by_number if n > missing[0])][0].file}"
        numbers = ", ".join(f"{number:03}" for number in missing)
        problems.append(
            Problem("gap", after, f"{after}: gap before it, {numbers} is missing. Fix: restore the file, or renumber")
        )
    return problems


def _edited(migration: Migration, old: str) -> Problem:
    return Problem(
        "edited",
        migration.file,
        f"{migration.file}: edited after it was applied: recorded {old}, file {migration.checksum}."
        " Fix: restore the file and put the change into a new migration",
    )


def _deleted(name: str, old: str) -> Problem:
    return Problem(
        "deleted", name, f"{name}: applied (recorded {old}), but its file is gone. Fix: restore the file from history"
    )
