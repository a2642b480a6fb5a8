"""What is to be taken back, and what stands in the way. Pure: a command shows it before it asks for leave."""

from collections.abc import Sequence

from init.migrations.model import LedgerEntry, Migration
from init.protocol import Failure


def entries_above(ledger: Sequence[LedgerEntry], version: str) -> list[LedgerEntry]:
    """Return what is recorded above a version (three digits), the latest first."""
    return sorted((entry for entry in ledger if entry.version > version), key=lambda entry: entry.name, reverse=True)


def way_back(
    engine: str, ledger: Sequence[LedgerEntry], migrations: Sequence[Migration], to: str
) -> list[tuple[LedgerEntry, Migration]]:
    """Return what is to be reverted, the latest first; MigrationsRefused names everything that stands in the way."""
    by_name = {migration.name: migration for migration in migrations}
    steps, problems = [], []
    for entry in entries_above(ledger, to):
        migration = by_name.get(entry.name)
        if migration is None:
            problems.append(f"{engine}/{entry.name}: its file is gone. Fix: restore it")
        elif migration.checksum != entry.checksum:
            problems.append(f"{engine}/{migration.file}: edited after it was applied. Fix: restore the file")
        elif migration.down is None:
            twin = f"{entry.name}.down.{migration.up.suffix}"
            problems.append(f"{engine}/{migration.file}: has no way back. Fix: write init/data/{engine}/{twin}")
        elif entry.error:
            problems.append(
                f"{engine}/{migration.file}: failed half-way: {entry.error}. Fix: ./karen migrate repair {engine}"
            )
        elif entry.state == "applying":
            problems.append(f"{engine}/{migration.file}: half applied. Fix: ./karen migrate up {engine}, which goes on")
        else:
            steps.append((entry, migration))
    if problems:
        raise Failure("MigrationsRefused", "; ".join(problems), "as said for each of them; nothing was reverted")
    return steps
