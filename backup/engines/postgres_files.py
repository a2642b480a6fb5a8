"""A restore on PostgreSQL's volume: `restoring/` beside `pgdata/`, and `replaced/` for what was there before.

load      restoring/pgdata, restoring/wal, restoring/server.conf, restoring/hba.conf
(host)    a server recovers restoring/pgdata; then restoring/ready names the set
exchange  pgdata → replaced, restoring/pgdata → pgdata
finish    replaced and restoring are removed
give_up   the way of exchange, backwards: pgdata → restoring/pgdata, replaced → pgdata, restoring is removed

`earlier/` has the replaced data of an exchange that was cut off, where a server that was started in between has others by now.
"""

import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from backup.engines.base import Source, Task, half_exchanged
from backup.engines.postgres_settings import TRUST, settings
from backup.engines.postgres_unpack import unpack
from backup.model import Taken
from init.engines.base import required
from init.protocol import Failure

BASE, WAL = "base.tar", "wal/"
_RESTORING, _REPLACED, _EARLIER, _DATA = "restoring", "replaced", "earlier", "pgdata"
# A server is configured by the stack that it is in, not by the one that it comes from.
_TARGETS_OWN = ("postgresql.conf", "pg_hba.conf", "pg_ident.conf", "postgresql.auto.conf")
_CHUNK = 1 << 20
# What recovery itself needs beside the data: segments of its own, and what it changes before it is at the point.
_RESERVE = 512 << 20


def load(connection: Mapping[str, Any], source: Source, taken: Taken, task: Task) -> None:
    """Unpack a part into `restoring`, with the settings to recover it; what an earlier one has left is removed first.

    Failure `DiskFull` before anything is written, `Damaged` for an archive with anything but files and directories below it.
    """
    volume = _volume(connection)
    if _half(volume):
        raise half_exchanged("postgres")
    discard(connection)
    segments = [name for name in source.names if name.startswith(WAL)]
    _check_space(volume, taken, len(segments))
    restoring = volume / _RESTORING
    data = restoring / _DATA
    for directory in (restoring, data, restoring / "wal"):
        directory.mkdir(mode=0o700)
    with source.file(BASE) as archive:
        unpack(archive, data, task.progress, expected=int(taken.details["bytes"]))
    for number, name in enumerate(segments):
        with source.file(name) as segment, (restoring / "wal" / Path(name).name).open("xb") as file:
            shutil.copyfileobj(segment, file, _CHUNK)
        task.progress(f"{number + 1} of {len(segments)} segments of the write-ahead log")
    _configure(volume, connection, taken)


def exchange(connection: Mapping[str, Any], task: Task) -> None:
    """Put `restoring/pgdata` in the place of `pgdata`; Failure `NotLoaded` if that is not a recovered one of this set.

    Cut off anywhere, it is finished by another call.
    """
    volume = _volume(connection)
    restoring = volume / _RESTORING
    ready = _ready(restoring)
    if ready != task.set_id:
        found = "nothing is" if ready is None else f"the set {ready} is"
        raise Failure(
            "NotLoaded", f"postgres: {found} recovered beside the data, not {task.set_id}", "./karen backup restore"
        )
    if not (restoring / _DATA).is_dir():
        task.progress("it is in its place already")
        return
    data, replaced = volume / _DATA, volume / _REPLACED
    for name in _TARGETS_OWN:
        if (data / name).is_file():
            _copy(data / name, restoring / _DATA / name)
    if data.exists():
        # With both there, a server was started in between, and made itself an empty one.
        os.rename(data, _free(restoring, "unexpected") if replaced.exists() else replaced)
    os.rename(restoring / _DATA, data)
    for directory in (restoring, volume):
        _sync(directory)


def give_up(connection: Mapping[str, Any], task: Task) -> bool:
    """Have what was there before, cut off anywhere or exchanged, and nothing else; the server must be stopped.

    False where a restored one is in the place of nothing. With `connection["unnoted"]`, what a server that was started in between
    has made stays, and what was there before is kept in `earlier` until a restore is finished.
    """
    volume = _volume(connection)
    restoring, data, replaced = volume / _RESTORING, volume / _DATA, volume / _REPLACED
    if not replaced.exists() and _ready(restoring) is not None and not (restoring / _DATA).exists():
        return False
    if connection.get("unnoted") and _half(volume) and data.exists():
        task.progress("it was started since: what it has stays, what was before is in earlier/ until the end")
        (volume / _EARLIER).mkdir(mode=0o700, exist_ok=True)
        os.rename(replaced, _free(volume / _EARLIER, _DATA))
    elif replaced.exists():
        if data.exists():
            # What is loaded is either still beside it, or it itself.
            os.rename(data, _free(restoring, "unexpected") if _half(volume) else restoring / _DATA)
        os.rename(replaced, data)
    _sync(volume)
    _remove(restoring)
    return True


def clear(connection: Mapping[str, Any]) -> None:
    """Remove what was there before, and what a restore needed."""
    volume = _volume(connection)
    if not (volume / _DATA / "PG_VERSION").is_file():
        raise Failure("NotRestored", f"postgres: there is no data in {volume}", "./karen backup restore")
    for name in (_REPLACED, _RESTORING, _EARLIER):
        _remove(volume / name)


def discard(connection: Mapping[str, Any]) -> None:
    """Remove what restores have left, but for `earlier`; nothing where an exchange was cut off."""
    volume = _volume(connection)
    if not _half(volume):
        for name in (_REPLACED, _RESTORING):
            _remove(volume / name)


def _half(volume: Path) -> bool:
    """Whether what was there before is out of the way, and what was loaded not in its place."""
    return (volume / _REPLACED).exists() and (volume / _RESTORING / _DATA).exists()


def _free(directory: Path, name: str) -> Path:
    """Return a path below a directory that nothing has yet."""
    number = 0
    while (directory / f"{name}.{number}").exists():
        number += 1
    return directory / f"{name}.{number}"


def _volume(connection: Mapping[str, Any]) -> Path:
    return Path(required(connection, "volume", str))


def _ready(restoring: Path) -> str | None:
    try:
        return str(json.loads((restoring / "ready").read_text())["set"])
    except (FileNotFoundError, ValueError):
        # A machine that lost its power may have left an empty one.
        return None


def _check_space(volume: Path, taken: Taken, segments: int) -> None:
    needed = int(taken.details["bytes"]) + (segments << 24) + _RESERVE
    free = shutil.disk_usage(volume).free
    if free < needed:
        raise Failure(
            "DiskFull",
            f"postgres: {volume} has {free / 1e6:.0f} MB free; needed beside the data: {needed / 1e6:.0f} MB",
            f"free {(needed - free) / 1e6:.0f} MB on the disk of the volume, or restore into another stack",
        )


def _configure(volume: Path, connection: Mapping[str, Any], taken: Taken) -> None:
    restoring = volume / _RESTORING
    data = restoring / _DATA
    until = connection.get("until")
    (restoring / "server.conf").write_text(settings(restoring, taken.details, until))
    (restoring / "hba.conf").write_text(TRUST)
    (restoring / "ident.conf").touch()
    (data / "recovery.signal").touch(mode=0o600)
    (data / "postgresql.auto.conf").write_text("")


def _remove(path: Path) -> None:
    """Remove a directory; under another name first, so that half of one is never taken for a whole one."""
    gone = path.with_name(f"{path.name}.removing")
    if gone.exists():
        shutil.rmtree(gone)
    if path.exists():
        os.rename(path, gone)
        shutil.rmtree(gone)


def _copy(source: Path, copy: Path) -> None:
    shutil.copyfile(source, copy)
    _sync(copy)


def _sync(path: Path) -> None:
    opened = os.open(path, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)
