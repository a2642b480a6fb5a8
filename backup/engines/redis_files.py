"""Redis' files on its volume: what a load has put beside them, and how they change places while the server is stopped.

`restoring/` is being written, or written (it has `set` then); `placing/` is the same once the old files are out of the way;
`replaced/` has those. `restored-from` names the set that was put in place last. Each step is one rename.
"""

import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from init.engines.base import required
from init.protocol import Failure

_SET = "set"
_FILES = ("appendonlydir", "dump.rdb")
_DIRECTORY, _RDB = _FILES
_BASE, _INCREMENT = "appendonly.aof.1.base.rdb", "appendonly.aof.1.incr.aof"
_MANIFEST = f"file {_BASE} seq 1 type b\nfile {_INCREMENT} seq 1 type i\n"


class Files:
    """The volume of one server, which is mounted at `volume`."""

    def __init__(self, connection: Mapping[str, Any]) -> None:
        """`expect` says whether the server keeps an append-only file, and so what it reads when it starts."""
        self._volume = Path(required(connection, "volume", str))
        if not self._volume.is_dir():
            raise Failure("RestoreFailed", f"redis: {self._volume} is no directory", "mount Redis' data volume there")
        self._appending = (connection.get("expect") or {}).get("appendonly") == "yes"
        self._restoring, self._placing = self._volume / "restoring", self._volume / "placing"
        self._replaced, self._last = self._volume / "replaced", self._volume / "restored-from"

    def begin(self) -> Path:
        """Return the path of the RDB to write; what an earlier load has left is removed."""
        self._tidy()
        if self._placing.exists():
            raise Failure(
                "RestoreFailed",
                "redis: a restore is half put in place",
                "finish that one first: restore its set again with the same command",
            )
        self.discard()
        rdb = self._restoring / (f"{_DIRECTORY}/{_BASE}" if self._appending else _RDB)
        rdb.parent.mkdir(parents=True)
        return rdb

    def complete(self, set_id: str) -> None:
        """Add what a server needs besides; from here on it may be exchanged."""
        if self._appending:
            directory = self._restoring / _DIRECTORY
            _write(directory / _INCREMENT, "")
            _write(directory / "appendonly.aof.manifest", _MANIFEST)
            _sync(directory)
        _write(self._restoring / _SET, set_id)
        _sync(self._restoring, self._volume)

    def exchange(self, set_id: str) -> None:
        """Put what was loaded in place of what is there; may be cut off at any moment and called again."""
        self._tidy()
        if not self._placing.exists():
            if not self._restoring.exists() and _text(self._last) == set_id:
                return
            self._require(self._restoring, set_id)
            for name in _FILES:
                self._clear(name)
            self._restoring.rename(self._placing)
            _sync(self._volume)
        self._require(self._placing, set_id)
        for name in _FILES:
            if (self._placing / name).exists():
                self._clear(name)
                (self._placing / name).rename(self._volume / name)
        _sync(self._volume)
        (self._placing / _SET).replace(self._last)
        self._tidy()
        _sync(self._volume)

    def discard(self) -> None:
        """Remove what was loaded, unless it is being put in place."""
        # Without it, a rest of the directory is none that could be exchanged.
        (self._restoring / _SET).unlink(missing_ok=True)
        if self._restoring.exists():
            shutil.rmtree(self._restoring)

    def forget(self) -> None:
        """Remove the files that were replaced."""
        if self._replaced.exists():
            shutil.rmtree(self._replaced)

    def _tidy(self) -> None:
        """Remove the directory from which everything has been put in place, its mark last."""
        if self._placing.exists() and not (self._placing / _SET).exists():
            self._placing.rmdir()

    def _clear(self, name: str) -> None:
        """Move a file that is there out of the way; a server that was started in between has made others since."""
        if (self._volume / name).exists():
            self._replaced.mkdir(exist_ok=True)
            earlier = sum(1 for path in self._replaced.iterdir() if path.name.startswith(name))
            (self._volume / name).rename(self._replaced / (f"{name}.{earlier}" if earlier else name))
            _sync(self._replaced, self._volume)

    def _require(self, directory: Path, set_id: str) -> None:
        found = _text(directory / _SET)
        if found != set_id:
            raise Failure(
                "RestoreFailed",
                f"redis: what is loaded is {f'of set {found}' if found else 'not complete'}, not set {set_id}",
                f"restore set {found or set_id} again, from the beginning",
            )


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return ""


def _write(path: Path, text: str) -> None:
    with path.open("w", encoding="utf-8") as stream:
        stream.write(text)
        stream.flush()
        os.fsync(stream.fileno())


def _sync(*directories: Path) -> None:
    for directory in directories:
        descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
