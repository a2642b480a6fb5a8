"""Making a set: parts first, the signed manifest last, and nothing at all if it is cut short."""

import re
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any

from backup.keys import Signer
from backup.manifests import render
from backup.model import GOOD, INCOMPLETE, EnginePart, Manifest, Taken
from backup.parts import PartSink, Storing, store
from backup.sets import LATEST, MANIFEST, new_id, remove, root_of
from backup.targets.base import Target
from backup.targets.locks import Guard
from init.protocol import Failure

_LABEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}|")
_STATE = "state.json.zst.age"


@dataclass(frozen=True, kw_only=True)
class Origin:
    """Whose set it is, and why it is made: `trigger` is `manual`, `schedule` or what else made it, `software` the version.

    `partial` says that engines of the stack were left out on purpose.
    """

    stack: str
    trigger: str
    software: str
    recipient: str
    label: str = ""
    partial: bool = False
    signer: Signer = field(repr=False)


class SetWriter:
    """A context in which a set is made. After it has ended well, `manifest` is what was signed; else nothing is left of it.

    For each engine: `sink`, and then either `good` with what was taken or `incomplete` with the reason.
    """

    def __init__(self, target: Target, origin: Origin, guard: Guard) -> None:
        """`guard` is that of the target's lock. ValueError if the label is not allowed."""
        if not _LABEL.fullmatch(origin.label) or origin.label == LATEST:
            raise ValueError(
                f"label {origin.label!r}; allowed: up to 64 letters, digits, dots, dashes and underscores, not `{LATEST}`"
            )
        self._target, self._origin, self._guard = target, origin, guard
        self._began = time.time()
        self.id = new_id(self._began)
        self.root = root_of(origin.stack, self.id)
        self.manifest: Manifest | None = None
        # How far the audit record goes, told at any time before the end.
        self.audit: Mapping[str, Any] | None = None
        self._sinks: dict[str, PartSink] = {}
        self._engines: dict[str, EnginePart] = {}
        self._state: Storing | None = None

    def __enter__(self) -> "SetWriter":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if error is None:
                self._finish()
        finally:
            if self.manifest is None:
                # What cannot be removed now is unfinished, and swept before the next one.
                with suppress(Failure):
                    remove(self._target, self._origin.stack, self.id, self._guard)

    def sink(self, engine: str) -> PartSink:
        """Return where an engine's part goes."""
        return self._sinks.setdefault(engine, PartSink(self._target, self.root, engine, self._origin.recipient))

    def good(self, engine: str, taken: Taken) -> None:
        """Enter an engine whose part is whole."""
        self._engines[engine] = EnginePart(state=GOOD, taken=taken, files=self.sink(engine).files)

    def incomplete(self, engine: str, reason: str) -> None:
        """Enter an engine that could not be taken, and remove what there is of it: the set is incomplete."""
        for file in self.sink(engine).files:
            self._target.remove(f"{self.root}/{file.path}")
        self._engines[engine] = EnginePart(state=INCOMPLETE, reason=reason)

    def state(self) -> Storing:
        """Return the context in which the stack's record is written."""
        self._state = store(self._target, self.root, _STATE, self._origin.recipient)
        return self._state

    def _finish(self) -> None:
        """Write the manifest; ValueError if an engine was neither good nor incomplete, or if there is none."""
        if missing := sorted(set(self._sinks) - set(self._engines)):
            raise ValueError(f"nothing was said about {', '.join(missing)}")
        if not self._engines:
            raise ValueError("a set of no engine")
        manifest = Manifest(
            id=self.id,
            stack=self._origin.stack,
            label=self._origin.label,
            trigger=self._origin.trigger,
            software=self._origin.software,
            recipient=self._origin.recipient,
            began=self._began,
            ended=time.time(),
            engines=self._engines,
            state=self._state.stored if self._state else None,
            partial=self._origin.partial,
            audit=self.audit,
        )
        content = render(manifest, self._origin.signer)
        self._guard()
        with self._target.write(f"{self.root}/{MANIFEST}") as stream:
            stream.write(content)
        self.manifest = manifest
