"""One volume whose server is stopped: what a load has put beside its content, and how the two change places.

`.restoring/` is being written, or written (it has `set` then, beside `data/`); `.placing/` is the same once the old content is
out of the way; `.replaced/` has that. `.restored-from` names the set that was put in place last. Each step is one rename.
"""

import os
import shutil
from pathlib import Path

from backup.engines.milvus_cold_tar import OWN, sync
from init.protocol import Failure

_SET, _DATA = "set", "data"


class Volume:
    """The volume of `service`, which is mounted at `path`."""

    def __init__(self, service: str, path: Path) -> None:
        if not path.is_dir():
            raise Failure("RestoreFailed", f"milvus: {path} is no directory", f"mount the volume of {service} there")
        self.service, self.path = service, path
        self._restoring, self._placing, self._replaced, self._last = (path / name for name in OWN)

    def begin(self) -> Path:
        """Return the empty directory to unpack into; what an earlier load has left is removed."""
        self._tidy()
        if self._placing.exists():
            fix = "finish that one first: restore its set again with the same command"
            raise Failure("RestoreFailed", f"milvus: a restore of {self.service} is half put in place", fix)
        self.discard()
        self._restoring.mkdir(mode=0o700)
        (self._restoring / _DATA).mkdir(mode=0o700)
        return self._restoring / _DATA

    def complete(self, set_id: str) -> None:
        """Mark what is loaded as whole; from here on it may be exchanged."""
        with (self._restoring / _SET).open("w", encoding="utf-8") as stream:
            stream.write(set_id)
            stream.flush()
            os.fsync(stream.fileno())
        sync(self._restoring / _DATA)
        sync(self._restoring)
        sync(self.path)

    def require(self, set_id: str) -> None:
        """Refuse with Failure `NotLoaded` what is not this set, loaded whole or in its place already."""
        self._tidy()
        if self._placing.exists():
            found = _text(self._placing / _SET)
        elif self._restoring.exists():
            found = _text(self._restoring / _SET)
        else:
            found = _text(self._last)
        if found != set_id:
            told = f"of set {found}" if found else "not complete"
            message = f"milvus: what is loaded for the volume of {self.service} is {told}, not set {set_id}"
            raise Failure("NotLoaded", message, f"restore set {set_id} again, from the beginning")

    def exchange(self, set_id: str) -> None:
        """Put what was loaded in place of what is there; may be cut off at any moment and called again."""
        self.require(set_id)
        if not self._placing.exists():
            if not self._restoring.exists():
                return
            for found in list(self.path.iterdir()):
                if found.name not in OWN:
                    self._clear(found)
            self._restoring.rename(self._placing)
            sync(self.path)
        data = self._placing / _DATA
        for found in list(data.iterdir()) if data.exists() else []:
            # What a server that was started in between has made.
            if (self.path / found.name).exists():
                self._clear(self.path / found.name)
            found.rename(self.path / found.name)
        sync(self.path)
        if data.exists():
            data.rmdir()
        (self._placing / _SET).replace(self._last)
        self._tidy()
        sync(self.path)

    def discard(self) -> None:
        """Remove what was loaded, unless it is being put in place."""
        # Without it, a rest of the directory is none that could be exchanged.
        (self._restoring / _SET).unlink(missing_ok=True)
        _remove(self._restoring)

    def forget(self) -> None:
        """Remove what was replaced."""
        _remove(self._replaced)

    def _tidy(self) -> None:
        """Remove the directory from which everything has been put in place, its mark last."""
        if self._placing.exists() and not (self._placing / _SET).exists():
            self._placing.rmdir()

    def _clear(self, path: Path) -> None:
        self._replaced.mkdir(mode=0o700, exist_ok=True)
        number = 0
        while (self._replaced / f"{path.name}.{number}").exists():
            number += 1
        path.rename(self._replaced / f"{path.name}.{number}")
        sync(self._replaced)


def _remove(path: Path) -> None:
    """Remove a directory, whatever the modes in it are."""
    if not path.exists():
        return
    for root, _, _ in os.walk(path):
        Path(root).chmod(0o700)
    shutil.rmtree(path)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return ""
