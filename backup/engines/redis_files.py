"""Redis' files on its volume: what a load has put beside them, and how they change places while the server is stopped."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from backup.engines.base import half_exchanged
from backup.engines.volume import Volume, half, sync
from init.engines.base import required

_ENGINE = "redis"
_FILES = ("appendonlydir", "dump.rdb")
_DIRECTORY, _RDB = _FILES
_BASE, _INCREMENT = "appendonly.aof.1.base.rdb", "appendonly.aof.1.incr.aof"
_MANIFEST = f"file {_BASE} seq 1 type b\nfile {_INCREMENT} seq 1 type i\n"


class Files:
    """The volume of one server, which is mounted at `volume`."""

    def __init__(self, connection: Mapping[str, Any]) -> None:
        """`expect` says whether the server keeps an append-only file, and so what it reads when it starts."""
        self._volume = Volume(_ENGINE, _ENGINE, Path(required(connection, "volume", str)), names=_FILES)
        self._appending = (connection.get("expect") or {}).get("appendonly") == "yes"
        self._loaded = Path()

    def begin(self) -> Path:
        """Return the path of the RDB to write; Failure `HalfExchanged` while something is half in its place."""
        if half([self._volume]):
            raise half_exchanged(_ENGINE)
        self._volume.clean()
        self._loaded = self._volume.begin()
        rdb = self._loaded / (f"{_DIRECTORY}/{_BASE}" if self._appending else _RDB)
        rdb.parent.mkdir(exist_ok=True)
        return rdb

    def complete(self, set_id: str) -> None:
        """Add what a server needs besides; from here on it may be exchanged."""
        if self._appending:
            directory = self._loaded / _DIRECTORY
            _write(directory / _INCREMENT, "")
            _write(directory / "appendonly.aof.manifest", _MANIFEST)
            sync(directory)
        self._volume.complete(set_id)

    def exchange(self, set_id: str) -> None:
        """Put what was loaded in place of what is there; may be cut off at any moment and called again."""
        self._volume.exchange(set_id)

    def give_up(self, *, unnoted: bool) -> bool:
        """Have again what was there before. `unnoted`: unless a server was started in between, whose data stay then; False."""
        if unnoted and half([self._volume]) and self._volume.taken_over:
            self._volume.leave()
            return False
        self._volume.turn()
        self._volume.bring_back(keeping=unnoted)
        return True

    def discard(self) -> None:
        """Remove what was loaded, unless it is being put in place."""
        if not half([self._volume]):
            self._volume.discard()

    def forget(self) -> None:
        """Remove what was replaced."""
        self._volume.forget()


def _write(path: Path, text: str) -> None:
    with path.open("w", encoding="utf-8") as stream:
        stream.write(text)
        stream.flush()
        os.fsync(stream.fileno())
