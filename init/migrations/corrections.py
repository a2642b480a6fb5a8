"""What a repair makes of a ledger: accepted edits and names, cleared failures, records without a file taken out. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from init.migrations.model import LedgerEntry, Migration


@dataclass(frozen=True)
class Correction:
    """One entry of the ledger as it is, what takes its place (None: nothing), and a sentence about it."""

    entry: LedgerEntry
    instead: LedgerEntry | None
    sentence: str


def corrections(engine: str, ledger: Sequence[LedgerEntry], files: Sequence[Migration]) -> list[Correction]:
    """Return what a repair does to the ledger."""
    by_name = {file.name: file for file in files}
    recorded = {entry.name for entry in ledger}
    found = []
    for entry in ledger:
        file = by_name.get(entry.name)
        if file is None:
            found.append(_of_gone(engine, entry, files, recorded))
            continue
        if file.checksum != entry.checksum:
            what = (
                f"what is half done; the next run goes on after step {entry.step}"
                if entry.dirty
                else "what was applied"
            )
            sentence = f"{engine}/{file.file}: the file as it is now counts as {what}"
            found.append(Correction(entry, entry.changed(checksum=file.checksum, error=""), sentence))
        elif entry.error:
            sentence = f"{engine}/{file.file}: the failure is cleared; the next run goes on after step {entry.step}"
            found.append(Correction(entry, entry.changed(error=""), sentence))
    return found


def _of_gone(engine: str, entry: LedgerEntry, files: Sequence[Migration], recorded: set[str]) -> Correction:
    heir = next((file for file in files if file.checksum == entry.checksum and file.name not in recorded), None)
    if heir is None:
        return Correction(entry, None, f"{engine}/{entry.name}: its record is removed; what it made stays")
    return Correction(entry, entry.changed(name=heir.name), f"{engine}/{entry.name}: is called {heir.name} from now on")
