"""The volume of a stopped server: what a load has put beside its content, how the two change places, and the way back.

`restoring/` is being written, or written (it has `set` then, beside `data/`); `placing/` is the same once the old content is out of
the way. `replaced/` has that, and is there from the first step of an exchange on; `returning/` is the same once nothing is in its
way any more, and there is only the way back. `aside/` has what a server made that was started in between, `earlier/` what such a
server's data have replaced for good. `restored-from` names the set that was put in place last. Each step is one rename.
"""

import os
import shutil
from collections.abc import Collection, Sequence
from pathlib import Path

from backup.engines.base import half_exchanged
from init.protocol import Failure

_OWN = ("restoring", "placing", "replaced", "returning", "aside", "earlier", "restored-from")
_SET, _DATA = "set", "data"


def own(dot: str) -> tuple[str, ...]:
    """Return the names of what a restore has on a volume, with `dot` in front."""
    return tuple(f"{dot}{name}" for name in _OWN)


class Volume:
    """The volume of a service of an engine, mounted at `path`. `names` are what is its server's, all without any.

    `dot` stands before the names of what a restore has there.
    """

    def __init__(self, engine: str, service: str, path: Path, *, names: Collection[str] = (), dot: str = "") -> None:
        if not path.is_dir():
            raise Failure("RestoreFailed", f"{engine}: {path} is no directory", f"mount the volume of {service} there")
        self.engine, self.service, self.path = engine, service, path
        self._names, self._own = names, own(dot)
        self._restoring, self._placing, self._replaced, self._returning, self._aside, self._earlier, self._last = (
            path / name for name in self._own
        )

    @property
    def begun(self) -> bool:
        """Whether an exchange has taken something away, or has ended."""
        return any(path.exists() for path in (self._replaced, self._placing, self._returning))

    @property
    def open(self) -> bool:
        """Whether something is there that is not in its place."""
        return any(path.exists() for path in (self._placing, self._returning, self._restoring / _SET))

    @property
    def taken_over(self) -> bool:
        """Whether a server was started without its data, and has made others."""
        away = self._returning if self._returning.exists() else self._replaced
        return any((self._placing / _DATA / one.name).exists() or (away / one.name).exists() for one in self._content())

    def clean(self) -> None:
        """Remove what restores have left, but for `earlier`."""
        self.discard()
        for path in (self._replaced, self._aside):
            _remove(path)

    def begin(self) -> Path:
        """Return the empty directory to load into."""
        self._restoring.mkdir(mode=0o700)
        (self._restoring / _DATA).mkdir(mode=0o700)
        return self._restoring / _DATA

    def complete(self, set_id: str) -> None:
        """Mark what is loaded as whole; from here on it may be exchanged."""
        with (self._restoring / _SET).open("w", encoding="utf-8") as stream:
            stream.write(set_id)
            stream.flush()
            os.fsync(stream.fileno())
        for path in (self._restoring / _DATA, self._restoring, self.path):
            sync(path)

    def discard(self) -> None:
        """Remove what was loaded."""
        # Without it, a rest of the directory is none that could be exchanged.
        (self._restoring / _SET).unlink(missing_ok=True)
        _remove(self._restoring)

    def require(self, set_id: str) -> None:
        """Refuse with Failure `NotLoaded` what is not this set, loaded whole or in its place already."""
        self.tidy()
        if self._returning.exists():
            raise half_exchanged(self.engine)
        if self._placing.exists():
            found = _text(self._placing / _SET)
        elif self._restoring.exists():
            found = _text(self._restoring / _SET)
        else:
            found = _text(self._last)
        if found != set_id:
            told = f"of set {found}" if found else "not complete"
            message = f"{self.engine}: what is loaded for the volume of {self.service} is {told}, not set {set_id}"
            raise Failure("NotLoaded", message, f"restore set {found or set_id} again, from the beginning")

    def exchange(self, set_id: str) -> None:
        """Put what was loaded in place of what is there; may be cut off at any moment and called again."""
        self.require(set_id)
        if not self._placing.exists():
            if not self._restoring.exists():
                return
            self._replaced.mkdir(mode=0o700, exist_ok=True)
            sync(self.path)
            for found in self._content():
                if (self._replaced / found.name).exists():
                    self._put_aside(found)
                else:
                    found.rename(self._replaced / found.name)
            sync(self._replaced)
            self._restoring.rename(self._placing)
            sync(self.path)
        for found in list((self._placing / _DATA).iterdir()):
            self._put(found)
        self.tidy()

    def tidy(self) -> None:
        """End an exchange that has put everything in its place."""
        data = self._placing / _DATA
        if not self._placing.exists() or self._returning.exists() or (data.exists() and any(data.iterdir())):
            return
        sync(self.path)
        if data.exists():
            data.rmdir()
        if (self._placing / _SET).exists():
            (self._placing / _SET).replace(self._last)
        self._placing.rmdir()
        sync(self.path)

    def turn(self) -> None:
        """Have nothing in the way of what an exchange took away; it cannot go on any more. Nothing to do where it took nothing."""
        if not self._replaced.exists():
            return
        # While it is there, what is in its place may have stayed there.
        moved = not self._restoring.exists()
        for found in self._content():
            if moved or (self._replaced / found.name).exists():
                self._put_aside(found)
        sync(self.path)
        self._replaced.rename(self._returning)
        sync(self.path)

    def bring_back(self, *, keeping: bool = False) -> None:
        """Put what was taken away back in its place, and remove what else restores have left; `aside` goes to `earlier` if `keeping`."""
        for path in (self._placing, self._restoring):
            (path / _SET).unlink(missing_ok=True)
            _remove(path)
        if self._returning.exists():
            self._last.unlink(missing_ok=True)
            for found in list(self._returning.iterdir()):
                self._put(found)
            sync(self.path)
            self._returning.rmdir()
        if keeping:
            self._keep(self._aside)
        _remove(self._aside)
        sync(self.path)

    def leave(self) -> None:
        """Leave the data of a server that was started without its own; what was there before is in `earlier` from now on."""
        for path in (self._returning, self._replaced):
            self._keep(path)
        self.bring_back(keeping=True)

    def forget(self) -> None:
        """Remove what was replaced."""
        for path in (self._replaced, self._aside, self._earlier):
            _remove(path)

    def _content(self) -> list[Path]:
        if self._names:
            return [self.path / name for name in self._names if (self.path / name).exists()]
        return [found for found in self.path.iterdir() if found.name not in self._own]

    def _keep(self, path: Path) -> None:
        if path.exists():
            self._earlier.mkdir(mode=0o700, exist_ok=True)
            path.rename(self._earlier / str(sum(1 for _ in self._earlier.iterdir())))
            sync(self._earlier)

    def _put(self, found: Path) -> None:
        """Put something on the volume, in the place of what a server made that was started in between."""
        place = self.path / found.name
        if place.exists():
            self._put_aside(place)
        found.rename(place)

    def _put_aside(self, found: Path) -> None:
        self._aside.mkdir(mode=0o700, exist_ok=True)
        found.rename(self._aside / f"{sum(1 for _ in self._aside.iterdir())}.{found.name}")
        sync(self._aside)


def half(volumes: Sequence[Volume]) -> bool:
    """Whether an exchange of one engine's volumes has begun, and is not complete."""
    for volume in volumes:
        volume.tidy()
    return any(volume.begun for volume in volumes) and any(volume.open for volume in volumes)


def give_up(volumes: Sequence[Volume]) -> None:
    """Have on one engine's volumes what was there before; may be cut off at any moment and called again."""
    for volume in volumes:
        volume.turn()
    for volume in volumes:
        volume.bring_back()


def sync(path: Path) -> None:
    """Have a directory's entries on the disk."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


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
