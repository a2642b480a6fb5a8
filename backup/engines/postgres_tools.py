"""PostgreSQL's own tools, as child processes: the password in a file that only they can read."""

import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from backup.engines.postgres_session import APPLICATION
from init import transport
from init.engines.base import required
from init.protocol import Failure

TOOL = "pg_basebackup 17"
_TOOLS = "/usr/lib/postgresql/17/bin"
_CHUNK = 1 << 20
_SAY_SECONDS = 2.0
_END_SECONDS = 10.0
_POLL_SECONDS = 0.1
_MEGABYTE = 1_000_000
Say = Callable[[str], None]


@contextmanager
def credentials(connection: Mapping[str, Any], directory: Path) -> Iterator[dict[str, str]]:
    """Provide an environment in which libpq finds the password in a file below `directory`, gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="pgpass-", dir=directory) as private:
        file = Path(private) / "pgpass"
        password = required(connection, "password", str).replace("\\", "\\\\").replace(":", "\\:")
        file.touch(mode=0o600)
        file.write_text(f"*:*:*:*:{password}\n", encoding="utf-8")
        yield {
            **_verified(connection, Path(private)),
            "PATH": f"{_TOOLS}:{os.environ.get('PATH', os.defpath)}",
            "PGPASSFILE": str(file),
            "PGAPPNAME": APPLICATION,
            "PGCONNECT_TIMEOUT": "10",
            "LC_ALL": "C",
        }


def _verified(connection: Mapping[str, Any], private: Path) -> dict[str, str]:
    """Return what has libpq verify the server, whose authority's certificate it finds in a file."""
    text = connection.get(transport.KEY)
    if not text:
        return {"PGSSLMODE": "disable"}
    file = private / "ca.crt"
    file.write_text(str(text), encoding="utf-8")
    return {"PGSSLMODE": "verify-full", "PGSSLROOTCERT": str(file)}


def base_backup(connection: Mapping[str, Any], into: IO[bytes], directory: Path, *, expected: int, say: Say) -> int:
    """Stream a base backup, as one tar archive with its manifest, and return its bytes; Failure with the tool's last line.

    The server compares the checksum of every page it reads.
    """
    command = [
        *("pg_basebackup", "--pgdata=-", "--format=tar", "--wal-method=none", "--checkpoint=fast"),
        *("--no-password", "--label=ai-karen"),
    ]
    return stream(
        [*command, *server(connection)],
        connection,
        into,
        directory,
        lambda done: say(f"{done / _MEGABYTE:.0f} of {expected / _MEGABYTE:.0f} MB"),
    )


def stream(
    command: Sequence[str], connection: Mapping[str, Any], into: IO[bytes], directory: Path, tell: Callable[[int], None]
) -> int:
    """Write what a tool prints into a stream and return its bytes, telling how many there are; Failure with its last line."""
    done, said = 0, time.monotonic()
    with credentials(connection, directory) as environment, tempfile.TemporaryFile(dir=directory) as log:
        with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=log, pipesize=_CHUNK) as process:
            assert process.stdout is not None
            try:
                while chunk := process.stdout.read(_CHUNK):
                    into.write(chunk)
                    done += len(chunk)
                    if time.monotonic() - said >= _SAY_SECONDS:
                        tell(done)
                        said = time.monotonic()
            except BaseException:
                process.kill()
                raise
        if process.returncode:
            raise failed(command[0], log)
    return done


class Receiving:
    """A running `pg_receivewal`: segments appear in `directory`, with the suffix `.partial` until they are whole."""

    def __init__(self, process: "subprocess.Popen[bytes]", directory: Path, log: IO[bytes]) -> None:
        self._process = process
        self._log = log
        self.directory = directory

    @property
    def running(self) -> bool:
        """Whether it has not ended."""
        return self._process.poll() is None

    def trouble(self) -> Failure:
        """Return why it has ended."""
        return failed("pg_receivewal", self._log)

    def finished(self) -> list[Path]:
        """Return the whole segments and timeline histories, in order."""
        return sorted(one for one in self.directory.iterdir() if one.is_file() and one.suffix in ("", ".history"))

    def wait_for(self, segment: str, say: Say) -> None:
        """Wait until a segment, and with it all before, is whole; Failure with the tool's last line if it ends before."""
        said = time.monotonic()
        while not (self.directory / segment).exists():
            if not self.running:
                raise self.trouble()
            if time.monotonic() - said >= _SAY_SECONDS:
                say(f"waiting for the write-ahead log up to {segment}")
                said = time.monotonic()
            time.sleep(_POLL_SECONDS)

    def end(self) -> None:
        """End it in order, or after ten seconds at once."""
        if self.running:
            self._process.send_signal(signal.SIGINT)
        try:
            self._process.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


@contextmanager
def receive(connection: Mapping[str, Any], slot: str, directory: Path, private: Path) -> Iterator[Receiving]:
    """Receive the write-ahead log from where the slot stands, until the context ends. It does not connect a second time."""
    directory.mkdir(mode=0o700, exist_ok=True)
    command = [
        "pg_receivewal",
        f"--directory={directory}",
        f"--slot={slot}",
        "--no-password",
        "--no-loop",
        "--status-interval=1",
    ]
    with credentials(connection, private) as environment, tempfile.TemporaryFile(dir=private) as log:
        process = subprocess.Popen([*command, *server(connection)], env=environment, stdout=log, stderr=log)
        receiving = Receiving(process, directory, log)
        try:
            yield receiving
        finally:
            receiving.end()


def server(connection: Mapping[str, Any]) -> Sequence[str]:
    """Return the options with which a tool finds the server, and who asks it."""
    return (
        f"--host={required(connection, 'host', str)}",
        f"--port={required(connection, 'port', int)}",
        f"--username={required(connection, 'user', str)}",
    )


def failed(tool: str, log: IO[bytes]) -> Failure:
    """Return why a tool has ended, from what it has written to its log."""
    log.seek(max(0, log.seek(0, os.SEEK_END) - 4096))
    lines = log.read().decode(errors="replace").strip().splitlines()
    told = next((line for line in reversed(lines) if "error" in line or "FATAL" in line or "WARNING" in line), "")
    told = told or (lines[-1] if lines else "no reason was given")
    damaged = "checksum" in "".join(lines)
    fix = "restore the newest verified set: ./karen restore" if damaged else "look at the PostgreSQL container's log"
    return Failure("Damaged" if damaged else "BackupFailed", f"postgres: {tool}: {told.removeprefix(f'{tool}: ')}", fix)
