"""Following PostgreSQL's log in a thread of the service, whatever happens to it."""

import threading
from dataclasses import replace
from pathlib import Path

import structlog

from backup.archive_state import ArchiveState
from backup.configuration import Configuration
from backup.keys import Signer
from backup.targets import open_target
from backup.wal import Archive, Receiver

_ENGINE = "postgres"
_PAUSE_SECONDS = 30.0
_END_SECONDS = 10.0
_log = structlog.get_logger()


def archiver(configuration: Configuration) -> "Following | None":
    """Begin to follow the log of a stack's PostgreSQL; None for a stack without."""
    if _ENGINE not in configuration.engines:
        return None
    archive = Archive(
        open_target(configuration.target),
        configuration.stack,
        trust=(configuration.public,),
        recipient=configuration.recipient,
        signer=Signer(configuration.signing),
    )
    staging = Path(configuration.staging) / "wal"
    staging.mkdir(exist_ok=True)
    following = Following()
    following.begin(Receiver(configuration.engines[_ENGINE], archive, staging, tell=following.take))
    return following


class Following:
    """A receiver in a thread; what it is told last is how the archive stands."""

    def __init__(self) -> None:
        self._state = ArchiveState()
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None

    def begin(self, receiver: Receiver) -> None:
        """Follow until `close`."""
        self._thread = threading.Thread(target=self._run, args=(receiver,), name="archive", daemon=True)
        self._thread.start()

    def state(self) -> ArchiveState:
        """Return how it stands."""
        return self._state

    def close(self) -> None:
        """Have the receiver end; what it has not archived yet the server keeps."""
        self._ended.set()
        if self._thread is not None:
            self._thread.join(_END_SECONDS)

    def _run(self, receiver: Receiver) -> None:
        while not self._ended.is_set():
            try:
                receiver.run(self._ended)
            except Exception as error:  # noqa: BLE001 - whatever it is, such as a full disk: the log is followed again
                told = f"postgres: the log cannot be followed: {type(error).__name__}: {error}"
                self.take(replace(self._state, following=False, error=told))
                self._ended.wait(_PAUSE_SECONDS)

    def take(self, state: ArchiveState) -> None:
        """Take how it stands, and log what is new of it."""
        before, self._state = self._state, state
        if state.error and state.error != before.error:
            _log.error("the log of PostgreSQL is not archived", error=state.error)
        elif state.following and not before.following:
            _log.info("the log of PostgreSQL is archived", chain=state.chain)
