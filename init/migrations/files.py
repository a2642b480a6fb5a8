"""Migration files: parse, checksum, order.

A migration is a file `NNN_name.(sql|json|py)` in the engine's folder; a file `NNN_name.down.<suffix>` beside it is its
way back and no migration of its own. The checksum is SHA-256 over the text with CRLF read as LF, so that a checkout
with other line ends is not taken for an edit.
"""

import hashlib
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

from init.migrations.header import options
from init.migrations.model import Migration, MigrationsInvalid, Problem, Script

SUFFIXES = ("sql", "json", "py")
# 000 is the version of an engine without migrations.
_NAME = re.compile(r"(?P<number>(?!000)\d{3})_[a-z0-9]+(_[a-z0-9]+)*")
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_DOWN = ".down"


def load(directory: Path) -> tuple[Migration, ...]:
    """Return the folder's migrations in order, () for an engine without a folder; MigrationsInvalid if they are bad."""
    if not directory.is_dir():
        return ()
    scripts: dict[str, Script] = {}
    problems: list[Problem] = []
    for path in sorted(directory.iterdir()):
        if path.is_dir() or path.name.startswith("."):
            continue
        parsed = _parse(path)
        if isinstance(parsed, Problem):
            problems.append(parsed)
        else:
            scripts[path.name] = parsed
    if not problems:
        problems = _without_way_there(directory.name, scripts)
    found = _pair(scripts) if not problems else []
    problems += _sequence_problems(directory.name, found)
    if problems:
        raise MigrationsInvalid(problems)
    return tuple(found)


def checksum(body: str) -> str:
    """Return SHA-256 over the text with normalized line ends, in hexadecimal."""
    return hashlib.sha256(normalize(body).encode()).hexdigest()


def normalize(text: str) -> str:
    """Return the text with CRLF as LF."""
    return text.replace("\r\n", "\n")


def _parse(path: Path) -> Script | Problem:
    """Return a file's script, or what is wrong with the file."""
    shown = f"{path.parent.name}/{path.name}"
    stem, _, suffix = path.name.rpartition(".")
    if suffix not in SUFFIXES:
        allowed = ", ".join(f".{one}" for one in SUFFIXES)
        return Problem(
            "unknown-suffix", shown, f"{shown}: unknown suffix .{suffix}. Allowed: {allowed}. Fix: rename it"
        )
    name = stem.removesuffix(_DOWN)
    if _NAME.fullmatch(name) is None:
        return Problem(
            "bad-name",
            shown,
            f"{shown}: bad name {name!r}. Allowed: three digits from 001, an underscore, lower-case words joined by underscores."
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
    try:
        return Script(path.name, body, options(body, suffix))
    except ValueError as error:
        return Problem("bad-option", shown, f"{shown}: {error}. Fix: correct it at the top of the file")


def _pair(scripts: Mapping[str, Script]) -> list[Migration]:
    """Return one migration for each way there, with its way back if it has one."""
    found = []
    for file, script in scripts.items():
        name = file.removesuffix(f".{script.suffix}")
        if not name.endswith(_DOWN):
            down = scripts.get(f"{name}{_DOWN}.{script.suffix}")
            found.append(Migration(name=name, checksum=checksum(script.body), up=script, down=down))
    return found


def _without_way_there(engine: str, scripts: Mapping[str, Script]) -> list[Problem]:
    problems = []
    for file in scripts:
        there = file.replace(f"{_DOWN}.", ".")
        if there not in scripts:
            shown = f"{engine}/{file}"
            message = (
                f"{shown}: a way back without its way there, {engine}/{there}. Fix: restore that file, or remove this"
            )
            problems.append(Problem("no-way-there", shown, message))
    return problems


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
