"""How far a restore came, kept with the engine's data, so that a job that was killed is taken up by the next."""

import json
from abc import ABC, abstractmethod
from dataclasses import asdict, dataclass, field
from typing import Any

from init.protocol import Failure

AGAIN = "restore the set again"
LOADING, LOADED, EXCHANGING, EXCHANGED = "loading", "loaded", "exchanging", "exchanged"


@dataclass
class Restore:
    """One restore. `touched`: the target's data were begun to be replaced, by this or by an earlier restore that never ended.

    `details` is what the engine has to know of it beside that, as JSON has it.
    """

    set_id: str
    state: str = LOADING
    touched: bool = False
    details: dict[str, Any] = field(default_factory=dict)


class Journal(ABC):
    """The one restore that an engine has going; `service` is the engine's name."""

    service: str

    @abstractmethod
    def _load(self) -> bytes | None:
        """Return what was stored, None where there is nothing."""

    @abstractmethod
    def _store(self, content: bytes) -> None:
        """Replace what is stored, for good, in one step."""

    @abstractmethod
    def remove(self) -> None:
        """Remove what is stored; nothing to do where there is nothing."""

    def read(self) -> Restore | None:
        """Return the restore, None where there is none."""
        content = self._load()
        return None if content is None else Restore(**json.loads(content))

    def write(self, restore: Restore) -> None:
        """Write down how far a restore came."""
        self._store(json.dumps(asdict(restore)).encode())

    def begin(self, set_id: str) -> Restore:
        """Write down a restore that loads; what an earlier one has touched stays so until the data are whole again."""
        before = self.read()
        restore = Restore(set_id, touched=bool(before and before.touched))
        self.write(restore)
        return restore

    def loaded(self, set_id: str) -> Restore:
        """Return the restore of a set that is loaded or further; Failure NotLoaded if there is none."""
        restore = self.read()
        if restore is None or restore.set_id != set_id or restore.state == LOADING:
            raise Failure("NotLoaded", f"{self.service}: set {set_id} is not loaded", AGAIN)
        return restore

    def exchanged(self) -> Restore | None:
        """Return the restore whose data are in their place, None where there is none; Failure RestoreUnfinished before."""
        restore = self.read()
        if restore and restore.state != EXCHANGED:
            raise self._unfinished(restore)
        return restore

    def refuse_touched(self) -> None:
        """Raise RestoreUnfinished while the data are half replaced."""
        restore = self.read()
        if restore and restore.touched:
            raise self._unfinished(restore)

    def _unfinished(self, restore: Restore) -> Failure:
        message = f"{self.service}: the restore of set {restore.set_id} is not finished (it was {restore.state})"
        return Failure("RestoreUnfinished", message, AGAIN)
