"""Has a Redis server take an RDB and send it, as a replica does (SYNC): nothing is left on the server, nor is it configured.

The server forks when it is asked, and writes what it held at that moment to the connection. It sends `$<length>` where it wrote
a file first, and `$EOF:<mark>` where it writes as it goes. What is written meanwhile is not sent (`rdb-only`).
"""

import socket
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from init import transport
from init.engines.base import required, retry
from init.protocol import Failure

_SILENCE_SECONDS = 60
# For how long a server may be busy with another save before it begins with ours; it sends empty lines meanwhile.
_LONGEST_WAIT_SECONDS = 900.0
_CHUNK = 256 * 1024
_LINE_LIMIT = 4096
_PAUSE_SECONDS = 0.2
_MARK = b"$EOF:"
_MARK_BYTES = 40
_LOG = "look at the Redis container's log (memory, disk), then run it again"


class _Loading(Exception):
    """The server is still reading its own data."""


class Replica:
    """A connection on which a server sends one RDB. `began` and `ended` are Unix seconds around the moment it is of.

    `total` is the bytes to come, None if the server has not said.
    """

    began: float
    ended: float
    total: int | None = None

    def __init__(self, connection: Mapping[str, Any]) -> None:
        """Connect and log in, with patience."""
        self._socket = retry(
            lambda: _opened(connection),
            engine="redis",
            transient=lambda error: isinstance(error, OSError),
            fix="look at the Redis container's log",
        )
        self._buffer = b""
        try:
            who = [user] if (user := connection.get("username")) else []
            self._ask("AUTH", *who, required(connection, "password", str))
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Let the server go on without this replica."""
        self._socket.close()

    def synchronize(self, waiting: Callable[[], None]) -> None:
        """Ask for an RDB and wait until it comes; it is of a moment after `began`, and before `ended`."""
        deadline = time.monotonic() + _LONGEST_WAIT_SECONDS
        self._ask("REPLCONF", "capa", "eof")
        self._ask("REPLCONF", "rdb-only", "1")
        # A save that has begun already might be sent to this replica too.
        while self._saving():
            _wait(deadline, waiting)
            time.sleep(_PAUSE_SECONDS)
        self._send("SYNC")
        while not (line := self._line()):
            _wait(deadline, waiting)
        self.ended = time.time()
        self._header(_accepted("SYNC", line))

    def chunks(self) -> Iterator[bytes]:
        """Return the RDB in chunks; Failure if the server stops within it."""
        return self._marked() if self.total is None else self._counted(self.total)

    def _saving(self) -> bool:
        self.began = time.time()
        self._ask("INFO", "persistence")
        # The facts are lines, and one that is empty ends them.
        facts = list(iter(self._line, b""))
        return b"rdb_bgsave_in_progress:0" not in facts

    def _header(self, line: bytes) -> None:
        mark = line.removeprefix(_MARK)
        if mark != line and len(mark) == _MARK_BYTES:
            self._mark = mark
        elif line[:1] == b"$" and line[1:].isdigit():
            self.total = int(line[1:])
        else:
            raise Failure("BackupFailed", f"redis: SYNC was answered by {line[:80]!r}", _LOG)

    def _counted(self, missing: int) -> Iterator[bytes]:
        while missing:
            chunk = self._received()[:missing]
            missing -= len(chunk)
            yield chunk

    def _marked(self) -> Iterator[bytes]:
        kept = b""
        while kept != self._mark:
            kept += self._received()
            chunk, kept = kept[:-_MARK_BYTES], kept[-_MARK_BYTES:]
            if chunk:
                yield chunk

    def _send(self, *words: str) -> None:
        parts = [word.encode() for word in words]
        body = b"".join(b"$%d\r\n%s\r\n" % (len(part), part) for part in parts)
        self._socket.sendall(b"*%d\r\n%s" % (len(parts), body))

    def _ask(self, *words: str) -> bytes:
        self._send(*words)
        return _accepted(words[0], self._line())

    def _line(self) -> bytes:
        found = self._received()
        while b"\n" not in found:
            if len(found) > _LINE_LIMIT:
                raise Failure("BackupFailed", "redis: the server sends no lines", "check what listens there")
            found += self._received()
        line, _, self._buffer = found.partition(b"\n")
        return line.rstrip(b"\r")

    def _received(self) -> bytes:
        """Return the next bytes from the server; what was received with the last line comes first."""
        if self._buffer:
            found, self._buffer = self._buffer, b""
            return found
        try:
            found = self._socket.recv(_CHUNK)
        except TimeoutError:
            raise Failure("BackupFailed", f"redis: the server sent nothing for {_SILENCE_SECONDS} s", _LOG) from None
        except OSError as error:
            raise Failure("BackupFailed", f"redis: the connection broke: {error.strerror}", _LOG) from None
        if not found:
            raise Failure("BackupFailed", "redis: the server ended the connection before its data were sent", _LOG)
        return found


def _opened(connection: Mapping[str, Any]) -> socket.socket:
    host, port = required(connection, "host", str), required(connection, "port", int)
    opened, secured = socket.create_connection((host, port), timeout=_SILENCE_SECONDS), transport.context(connection)
    return opened if secured is None else secured.wrap_socket(opened, server_hostname=host)


def _wait(deadline: float, waiting: Callable[[], None]) -> None:
    waiting()
    if time.monotonic() > deadline:
        raise Failure(
            "BackupFailed",
            f"redis: the server has not begun to send its data within {_LONGEST_WAIT_SECONDS:.0f} s",
            "wait for its other save, rewrite or replication to end (redis-cli INFO persistence), then run it again",
        )


def _accepted(command: str, line: bytes) -> bytes:
    """Return a line that is no error."""
    if not line.startswith(b"-"):
        return line
    said = line[1:].decode(errors="replace")
    code = said.partition(" ")[0]
    if code == "LOADING":
        raise _Loading(said)
    if code in {"WRONGPASS", "NOAUTH"}:
        raise Failure("AuthenticationFailed", f"redis: {said}", "give it the configured password")
    if code == "NOPERM":
        raise Failure("AuthenticationFailed", f"redis: {said}", "connect as a user who may SYNC (backups)")
    raise Failure("BackupFailed", f"redis: {command} was refused: {said}", _LOG)


@contextmanager
def snapshot(connection: Mapping[str, Any], waiting: Callable[[], None] = lambda: None) -> Iterator[Replica]:
    """Provide a replica whose RDB is about to come; a server that is still loading is waited for.

    `waiting` is called about once a second while the server is not ready to begin.
    """

    def attempt() -> Replica:
        replica = Replica(connection)
        try:
            replica.synchronize(waiting)
        except BaseException:
            replica.close()
            raise
        return replica

    replica = retry(
        attempt,
        engine="redis",
        transient=lambda error: isinstance(error, _Loading),
        fix="wait until it has read its data, then run it again",
        trouble="still loading",
    )
    try:
        yield replica
    finally:
        replica.close()
