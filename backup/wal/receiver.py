"""Following PostgreSQL's write-ahead log for as long as there is one, and archiving each segment as it is finished."""

import shutil
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg

from backup.archive_state import ArchiveState
from backup.engines.postgres_session import refused, session, value
from backup.engines.postgres_slots import drop
from backup.engines.postgres_tools import Receiving, receive
from backup.staging import staged
from backup.wal import segments
from backup.wal.archive import Archive, began
from backup.wal.coverage import Coverage
from backup.wal.sidecar import Sidecar
from init.engines.postgres_connection import Connection
from init.protocol import Failure

SLOT = "karen_archive"
_SLOT = "SELECT wal_status FROM pg_replication_slots WHERE slot_name = %s"
_SYSTEM = "SELECT system_identifier::text FROM pg_control_system()"
_TIMELINE = "SELECT substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8)"
_ROUND_SECONDS = 1.0
_LONGEST_PAUSE_SECONDS = 30.0


class Receiver:
    """One stack's receiver. `staging` outlives it: what the server was told to be received is there until it is archived."""

    def __init__(
        self,
        connection: Mapping[str, Any],
        archive: Archive,
        staging: Path,
        *,
        tell: Callable[[ArchiveState], None],
        switch_seconds: float = 60.0,
    ) -> None:
        """`tell` is given the state about once a second; no commit waits longer than `switch_seconds` for its segment's end."""
        self._connection = connection
        self._archive = archive
        self._staging = staging
        self._tell = tell
        self._switch_seconds = switch_seconds
        self._state = ArchiveState()
        self._chain = ""
        self._last: Sidecar | None = None
        self._coverage = Coverage()
        self._headed = 0.0

    def run(self, stop: threading.Event) -> None:
        """Follow until told to stop. Whatever goes wrong is told, and tried again after at most half a minute."""
        pause = _ROUND_SECONDS
        while not stop.is_set():
            began_at = time.monotonic()
            try:
                with session(self._connection) as opened:
                    self._follow(opened, stop)
            except psycopg.Error as error:
                self._say(following=False, error=refused("the log cannot be followed", error).message)
            except Failure as failure:
                self._say(following=False, error=failure.message)
            lasted = time.monotonic() - began_at
            stop.wait(pause)
            pause = _ROUND_SECONDS if lasted > _LONGEST_PAUSE_SECONDS else min(2 * pause, _LONGEST_PAUSE_SECONDS)

    def _follow(self, opened: Connection, stop: threading.Event) -> None:
        system, timeline = str(value(opened, _SYSTEM)), int(value(opened, _TIMELINE), 16)
        directory = self._staging / f"{system}-{timeline}"
        self._take_up(opened, system, timeline, directory)
        with staged(str(self._staging)) as private, receive(self._connection, SLOT, directory, private) as receiving:
            while receiving.running and not stop.is_set():
                self._round(opened, receiving)
                stop.wait(_ROUND_SECONDS)
            self._archive_finished(receiving)
            if not stop.is_set():
                raise receiving.trouble()

    def _take_up(self, opened: Connection, system: str, timeline: int, directory: Path) -> None:
        """Go on with the chain of this server, or begin one where the server has not kept what comes next."""
        self._archive.sweep(system)
        row = opened.execute(_SLOT, [SLOT]).fetchone()
        kept = row is not None and row[0] != "lost"
        chains = self._archive.chains(system, timeline)
        if kept and chains:
            self._continue(chains[-1])
            return
        if row is not None and not kept:
            drop(opened, SLOT)
        if not kept:
            shutil.rmtree(directory, ignore_errors=True)
            opened.execute("SELECT pg_create_physical_replication_slot(%s, true)", [SLOT])
        self._begin(system, timeline)

    def _begin(self, system: str, timeline: int) -> None:
        self._chain, self._last, self._coverage = self._archive.begin(system, timeline), None, Coverage()
        self._say(chain=self._chain, chain_began=began(self._chain), segment="", archived=0.0, complete_to=0.0)

    def _continue(self, chain: str) -> None:
        if chain != self._chain or self._last is None:
            self._chain, self._last = chain, self._archive.last(chain)
        self._coverage = Coverage()
        if self._last is not None:
            self._coverage.archived(self._last.end)
            known = {
                "segment": self._last.segment,
                "archived": self._last.archived,
                "complete_to": self._last.complete_to,
            }
            self._say(**known)
        self._say(chain=chain, chain_began=began(chain))

    def _round(self, opened: Connection, receiving: Receiving) -> None:
        self._archive_finished(receiving)
        now = self._coverage.sample(opened)
        if self._coverage.waiting(now) >= self._switch_seconds:
            value(opened, "SELECT pg_switch_wal()::text")
            self._coverage.switched(now)
        if self._last is not None and self._coverage.covered and now - self._headed >= self._switch_seconds:
            self._archive.advance(self._last, self._coverage.complete_to)
            self._headed = now
        self._say(
            following=True,
            error="",
            complete_to=max(self._state.complete_to, self._coverage.complete_to),
            lag_seconds=self._coverage.lag(now),
            lag_bytes=self._coverage.behind,
        )

    def _archive_finished(self, receiving: Receiving) -> None:
        for file in receiving.finished():
            if segments.is_segment(file.name):
                self._store(file)
            file.unlink()

    def _store(self, file: Path) -> None:
        last = self._last
        if last is not None and file.name <= last.segment:
            # Archived already, and received again.
            return
        if last is not None and file.name != segments.following(last.segment, last.plain):
            self._begin(last.chain.rpartition("-")[0], segments.timeline(file.name))
            last = None
        end = segments.start(file.name, file.stat().st_size) + file.stat().st_size
        complete = max(self._coverage.archived(end), 0.0 if last is None else last.complete_to)
        self._last = self._archive.add(self._chain, file, last, complete_to=complete)
        self._say(segment=file.name, archived=self._last.archived)

    def _say(self, **changes: Any) -> None:
        self._state = replace(self._state, **changes)
        self._tell(self._state)
