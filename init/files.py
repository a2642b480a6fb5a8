"""The `files` action: secret files into their volume, and data directories given to their server's user.

Runs as root inside a job without a network. Files are written atomically: a server that starts meanwhile sees the old
file or the new one, never a part. Before anything is written, it is looked whether the data's password is the stack's.
"""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from init import data_version, proof
from init.protocol import Failure

ROOT = Path("/secrets")
_TEMPORARY = ".new-"


def write(
    files: Sequence[Mapping[str, Any]],
    owned: Sequence[Mapping[str, Any]],
    root: Path = ROOT,
    *,
    seeds: Sequence[Mapping[str, Any]] = (),
    proofs: Sequence[Mapping[str, Any]] = (),
    data: Sequence[Mapping[str, Any]] = (),
) -> dict[str, Any]:
    """Write every file, remove what else lies in their folders, give `owned` directories away; return what was done.

    `seeds` are written where they are missing only. Each of `proofs` has the `passwords` of the data beside `path`, in the
    volume `volume`: the one in use first. What lies at each of `data`'s `path` is of the `service`'s major `version`, or nothing is written.
    """
    for entry in data:
        data_version.check(Path(_text(entry, "path")), *(_text(entry, key) for key in ("service", "version", "volume")))
    for entry in proofs:
        proof.check(Path(_text(entry, "path")), entry["passwords"], _text(entry, "volume"))
    wanted = {_checked_path(entry, root): entry for entry in files}
    written = []
    for path, entry in wanted.items():
        if _write(path, entry):
            written.append(path.name)
    # With nothing to write, the root itself is what must hold nothing.
    removed = [
        name for folder in sorted({path.parent for path in wanted} or {root}) for name in _purge(folder, set(wanted))
    ]
    changed = [str(entry["path"]) for entry in owned if _give(Path(_text(entry, "path")), entry)]
    for entry in proofs:
        proof.write(Path(_text(entry, "path")), entry["passwords"])
    written += [
        path.name for entry in seeds if not (path := Path(_text(entry, "path"))).exists() and _write(path, entry)
    ]
    return {"engine": "files", "written": sorted(written), "removed": removed, "owned": changed}


def _checked_path(entry: Mapping[str, Any], root: Path) -> Path:
    path = Path(_text(entry, "path"))
    if not path.is_absolute() or ".." in path.parts or root not in path.parents or path.name.startswith("."):
        raise Failure("BadRequest", f"files.path is {str(path)!r}; allowed: a path below {root}", "correct the request")
    return path


def _write(path: Path, entry: Mapping[str, Any]) -> bool:
    """Replace the file unless it is already as wanted; return whether it was written."""
    content = _text(entry, "content").encode()
    uid, gid, mode = (_number(entry, key) for key in ("uid", "gid", "mode"))
    path.parent.mkdir(parents=True, exist_ok=True)
    if _is_current(path, content, uid, gid, mode):
        return False
    temporary = path.with_name(f"{_TEMPORARY}{path.name}")
    temporary.unlink(missing_ok=True)
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(content)
            stream.flush()
            os.fchmod(stream.fileno(), mode)
            os.fchown(stream.fileno(), uid, gid)
            os.fsync(stream.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    _sync_directory(path.parent)
    return True


def _is_current(path: Path, content: bytes, uid: int, gid: int, mode: int) -> bool:
    if path.is_symlink() or not path.is_file():
        return False
    facts = path.stat()
    same = (facts.st_uid, facts.st_gid, facts.st_mode & 0o7777) == (uid, gid, mode)
    return same and path.read_bytes() == content


def _purge(folder: Path, keep: set[Path]) -> list[str]:
    """Remove files that are not wanted: a secret that is no longer used must not lie around."""
    if not folder.is_dir():
        return []
    stale = [path for path in sorted(folder.iterdir()) if path not in keep and (path.is_symlink() or not path.is_dir())]
    for path in stale:
        path.unlink()
    return [path.name for path in stale]


def _give(path: Path, entry: Mapping[str, Any]) -> bool:
    """Change a directory's owner if it is another; what is inside belongs to its server already. One to `make` may be missing."""
    uid, gid = _number(entry, "uid"), _number(entry, "gid")
    if entry.get("make") is True and path.parent.is_dir():
        path.mkdir(exist_ok=True)
    if not path.is_dir():
        raise Failure(
            "BadRequest", f"owned.path is {str(path)!r}, which is no directory here", "mount the volume there"
        )
    facts = path.stat()
    if (facts.st_uid, facts.st_gid) == (uid, gid):
        return False
    os.chown(path, uid, gid, follow_symlinks=False)
    return True


def _sync_directory(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _text(entry: Mapping[str, Any], key: str) -> str:
    value = entry.get(key)
    if not isinstance(value, str):
        raise Failure("BadRequest", f"files.{key} is a {type(value).__name__}; allowed: a text", "correct the request")
    return value


def _number(entry: Mapping[str, Any], key: str) -> int:
    value = entry.get(key)
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise Failure("BadRequest", f"files.{key} is {value!r}; allowed: a number from 0", "correct the request")
    return value
