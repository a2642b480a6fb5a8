"""PostgreSQL's write-ahead log, archived as it is written, so that a set can be brought to any moment after it.

    <stack>/wal/<system>-<timeline>.<began>/<segment>.zst.age    as a part's files are stored
                                            <segment>.json       signed, with the hash of the one before
                                            head.json            signed: up to when all that was committed is here

A chain has no gap. Where the server did not keep what was not fetched, or was restored, a new chain begins: it is of use to the
sets that are taken after that.
"""

from backup.wal.archive import Archive
from backup.wal.receiver import Receiver
from backup.wal.source import ArchivedSource

__all__ = ["Archive", "ArchivedSource", "Receiver"]
