"""PostgreSQL: a physical base backup, the write-ahead log up to one restore point, and exact sums; or logical dumps."""

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg

from backup.engines import postgres_files, postgres_logical, postgres_recover
from backup.engines.base import Part, Sink, Source, Task
from backup.engines.postgres_cut import Cut, cut
from backup.engines.postgres_session import databases, identifier, refused, session, value
from backup.engines.postgres_slots import slot
from backup.engines.postgres_sums import Summary, summarize
from backup.engines.postgres_tools import TOOL, Receiving, base_backup, receive
from backup.model import Taken
from init.engines import load
from init.engines.postgres_connection import Connection
from init.migrations import schema_version
from init.protocol import Failure

BASE = "base.tar"
POINT = "karen-"
_CHUNK = 1 << 20
_SIZE = "SELECT coalesce(sum(pg_database_size(oid)), 0)::bigint FROM pg_database"
# Without these at least as large, what was prepared or locked there cannot be there again.
_SETTINGS = (
    *("max_connections", "max_worker_processes", "max_wal_senders", "max_prepared_transactions"),
    "max_locks_per_transaction",
)
_OUTSIDE = (
    "SELECT spcname, pg_tablespace_location(oid) FROM pg_tablespace WHERE spcname NOT IN ('pg_default', 'pg_global')"
)
_UNLOGGED = """
    SELECT ns.nspname || '.' || relname FROM pg_class JOIN pg_namespace AS ns ON ns.oid = relnamespace
    WHERE relkind = 'r' AND relpersistence = 'u' ORDER BY 1"""


class Postgres(Part):
    """The part of one PostgreSQL server: all its databases, roles included.

    `details` of what is taken: `user` and `database` of the source, the restore `point`, its `lsn` and `segment`, the `timeline`
    and `system` identifier, `settings`, `sequences` (name: last value and step), `unlogged` tables (empty afterwards), and whether
    counts and checksums are `exact`. Where they are not, `inexact` names the tables that could not be locked: these hold at
    least what was committed when they were counted, and what was written to them in the same moment.

    With `connection["logical"]`, what is taken are dumps (`postgres_logical`), which `details["logical"]` says afterwards: these
    are restored into the running server.
    """

    def back_up(self, connection: Mapping[str, Any], sink: Sink, task: Task) -> Taken:
        """Stream a base backup and its log into the sink; Failure `BackupFailed`, `Damaged` (a page's checksum) or `Unsupported`."""
        if connection.get("logical"):
            return postgres_logical.back_up(connection, sink, task, schema_version=_schema_version(connection))
        try:
            with session(connection) as opened:
                _check(opened)
                with (
                    slot(connection, opened, task.set_id) as name,
                    receive(connection, name, task.staging / "wal", task.staging) as receiving,
                ):
                    return self._taken(connection, opened, receiving, sink, task)
        except psycopg.Error as error:
            raise refused("the backup was cut off", error) from None

    def _taken(
        self, connection: Mapping[str, Any], opened: Connection, receiving: Receiving, sink: Sink, task: Task
    ) -> Taken:
        size = value(opened, _SIZE)
        with sink.file(BASE) as into:
            plain = base_backup(connection, into, task.staging, expected=size, say=task.progress)
        names = databases(opened)
        with cut(connection, names, identifier(POINT, task.set_id)) as moment:
            segment = value(opened, "SELECT pg_walfile_name(%s::pg_lsn)", moment.lsn)
            value(opened, "SELECT pg_switch_wal()::text")
            with ThreadPoolExecutor(max_workers=1) as beside:
                storing = beside.submit(_store, receiving, segment, sink, task.progress)
                counts, checksums = summarize(connection, moment.snapshots, task.progress)
                logged = storing.result()
        task.progress(f"{plain / 1e6:.0f} MB and {logged / 1e6:.0f} MB of write-ahead log")
        return Taken(
            tool=TOOL,
            server_version=str(opened.info.parameter_status("server_version")).split()[0],
            schema_version=_schema_version(connection),
            counts=counts,
            checksums=checksums,
            began=moment.began,
            ended=moment.ended,
            details=_details(connection, opened, moment) | {"segment": segment, "bytes": plain, "wal_bytes": logged},
        )

    def load(self, connection: Mapping[str, Any], source: Source, taken: Taken, task: Task) -> None:
        """Unpack into `restoring` on the volume that is mounted at `connection["volume"]`; the host starts a server on it then."""
        if taken.details.get("logical"):
            postgres_logical.load(connection, source, taken, task)
        else:
            postgres_files.load(connection, source, taken, task)

    def recover(self, connection: Mapping[str, Any], taken: Taken, task: Task) -> None:
        """Wait for the server that the host has started on `restoring`, compare, and make it the target's."""
        postgres_recover.recover(connection, taken, task)

    def exchange(self, connection: Mapping[str, Any], taken: Taken, task: Task) -> None:
        """Put what was recovered in the place of the data; the server must be stopped, except for dumps."""
        if taken.details.get("logical"):
            postgres_logical.exchange(connection, taken, task)
        else:
            postgres_files.exchange(connection, task)

    def give_up(self, connection: Mapping[str, Any], taken: Taken, task: Task) -> bool:
        """Have the data, or the databases, again that were there before; the server must be stopped, except for dumps."""
        if taken.details.get("logical"):
            return postgres_logical.give_up(connection, taken, task)
        return postgres_files.give_up(connection, task)

    def finish(self, connection: Mapping[str, Any], taken: Taken, task: Task) -> None:
        """See that the target's credentials open what was restored, and remove what was there before."""
        if taken.details.get("logical"):
            postgres_logical.finish(connection, taken, task)
            return
        with session(connection) as opened:
            task.progress(f"{len(databases(opened))} databases are open to {connection['user']}")
        postgres_files.clear(connection)

    def discard(self, connection: Mapping[str, Any], task: Task) -> None:
        """Remove what `load` has left, unless it is half in its place. `connection["logical"]` says of what."""
        del task
        if connection.get("logical"):
            postgres_logical.discard(connection)
        else:
            postgres_files.discard(connection)

    def summarize(self, connection: Mapping[str, Any]) -> Summary:
        """Count and sum every database's tables and large objects."""
        return summarize(connection)


def _check(opened: Connection) -> None:
    outside = opened.execute(_OUTSIDE).fetchall()
    if outside:
        name, place = outside[0]
        raise Failure(
            "Unsupported",
            f"postgres: the tablespace {name} at {place!r} is outside the data directory; allowed: pg_default",
            f"ALTER … SET TABLESPACE pg_default for what is in it, then DROP TABLESPACE {name}",
        )
    level = value(opened, "SHOW wal_level")
    if level == "minimal":
        raise Failure("Unsupported", "postgres: wal_level is minimal; allowed: replica, logical", "./karen up")


def _store(receiving: Receiving, last: str, sink: Sink, say: Callable[[str], None]) -> int:
    """Wait for every segment up to the last one that is needed, and store them; return their bytes."""
    receiving.wait_for(last, say)
    total = 0
    for file in receiving.finished():
        if file.suffix == "" and file.name > last:
            break
        with file.open("rb") as segment, sink.file(f"wal/{file.name}") as into:
            while chunk := segment.read(_CHUNK):
                into.write(chunk)
                total += len(chunk)
        file.unlink()
    return total


def _details(connection: Mapping[str, Any], opened: Connection, moment: Cut) -> dict[str, Any]:
    return {
        "user": connection["user"],
        "database": connection["database"],
        "point": moment.point,
        "lsn": moment.lsn,
        "exact": not moment.inexact,
        "inexact": list(moment.inexact),
        "sequences": {name: list(one) for name, one in moment.sequences.items()},
        "unlogged": [name for (name,) in opened.execute(_UNLOGGED.encode()).fetchall()],
        "system": str(value(opened, "SELECT system_identifier FROM pg_control_system()")),
        "timeline": int(value(opened, "SELECT substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8)"), 16),
        "settings": {name: value(opened, f"SHOW {name}") for name in _SETTINGS},
    }


def _schema_version(connection: Mapping[str, Any]) -> str:
    driver = load("postgres")
    driver.connect(connection)
    try:
        return schema_version(driver.ledger())
    finally:
        driver.close()


PART = Postgres()
