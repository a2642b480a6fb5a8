"""What is to be done: the ledger compared with the files. No connection is made and nothing is changed."""

from collections.abc import Mapping, Sequence

from init.migrations.model import LedgerEntry, Migration, Plan, Problem


def compare(
    engine: str, ledger: Sequence[LedgerEntry], files: Sequence[Migration], *, target: str | None = None
) -> Plan:
    """Return what is pending up to `target` (three digits; None is all of it) and every reason against going on."""
    by_name = {migration.name: migration for migration in files}
    problems = []
    for entry in sorted(ledger, key=lambda entry: entry.name):
        problem = _problem(engine, entry, by_name, files, ledger, target)
        if problem is not None:
            problems.append(problem)
    applied = {entry.name for entry in ledger if entry.state == "applied"}
    wanted = [m for m in sorted(files, key=lambda m: m.name) if target is None or m.version <= target]
    pending = tuple(migration for migration in wanted if migration.name not in applied)
    moved = {problem.file for problem in problems if problem.kind in ("renamed", "reordered")}
    problems += [_late(engine, m, max(applied)) for m in pending if _is_late(m, ledger) and m.file not in moved]
    return Plan(pending, tuple(problems))


def _problem(
    engine: str,
    entry: LedgerEntry,
    by_name: Mapping[str, Migration],
    files: Sequence[Migration],
    ledger: Sequence[LedgerEntry],
    target: str | None,
) -> Problem | None:
    """Return what is wrong with one entry of the ledger."""
    migration = by_name.get(entry.name)
    repair = f"./karen migrate repair {engine}"
    if migration is None:
        return _gone(engine, entry, files, {one.name for one in ledger})
    shown = f"{engine}/{migration.file}"
    if migration.checksum != entry.checksum:
        when = "while it was half applied" if entry.dirty else "after it was applied"
        message = (
            f"{shown}: edited {when}: recorded {entry.checksum}, file {migration.checksum}."
            f" Fix: restore the file and put the change into a new migration, or accept the file as it is: {repair}"
        )
        return Problem("edited", migration.file, message)
    if entry.error:
        message = f"{shown}: failed half-way: {entry.error}. Fix: remove the cause, then {repair} and run it again"
        return Problem("failed", migration.file, message)
    if entry.state == "reverting":
        message = f"{shown}: half reverted. Fix: ./karen migrate down {engine} --to {int(entry.version) - 1:03}, which goes on"
        return Problem("half-reverted", migration.file, message)
    if target is not None and entry.version > target:
        message = f"{shown}: applied, but the stack asks for {target}. Fix: ./karen migrate down {engine} --to {target}, or keep it: ./karen migrate up {engine} --to latest"
        return Problem("above-target", migration.file, message)
    return None


def _gone(engine: str, entry: LedgerEntry, files: Sequence[Migration], recorded: set[str]) -> Problem:
    """Tell a renamed and a reordered file from one that is not there any more, by its checksum."""
    fix = f"Fix: restore it, or accept the files as they are: ./karen migrate repair {engine}"
    heirs = [file for file in files if file.checksum == entry.checksum and file.name not in recorded]
    if heirs:
        kind = "renamed" if heirs[0].version == entry.version else "reordered"
        message = f"{engine}/{heirs[0].file}: {kind} after it was applied as {entry.name}. {fix}"
        return Problem(kind, heirs[0].file, message)
    message = f"{engine}/{entry.name}: applied (recorded {entry.checksum}), but its file is gone: deleted. {fix}"
    return Problem("deleted", entry.name, message)


def _is_late(migration: Migration, ledger: Sequence[LedgerEntry]) -> bool:
    """Whether something later is applied already."""
    return any(entry.state == "applied" and entry.version >= migration.version for entry in ledger)


def _late(engine: str, migration: Migration, last: str) -> Problem:
    message = f"{engine}/{migration.file}: comes before {last}, which is applied already. Fix: give it the next number"
    return Problem("reordered", migration.file, message)
