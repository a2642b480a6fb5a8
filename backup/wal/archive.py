"""Chains of segments on a target: written by one receiver, read by a restore, pruned with the sets."""

import time
from collections.abc import Collection, Iterator
from datetime import UTC, datetime
from pathlib import Path
from shutil import copyfileobj

from backup.keys import Signer
from backup.model import StoredFile
from backup.parts import store
from backup.targets.base import Target
from backup.wal import segments
from backup.wal.sidecar import Head, Sidecar, damaged, hashed, parse, render
from init.protocol import Failure

SUFFIX = ".zst.age"
_SIDECAR, _HEAD = ".json", "head.json"
_BEGAN = "%Y%m%dT%H%M%S%f"
_CHUNK = 1 << 20
_LARGEST = 1 << 16


class Archive:
    """One stack's archive. To write to it takes a recipient and a signer; to read it, whom to trust."""

    def __init__(
        self, target: Target, stack: str, *, trust: Collection[str], recipient: str = "", signer: Signer | None = None
    ) -> None:
        self.target = target
        self._stack = stack
        self._trust = trust
        self._recipient = recipient
        self._signer = signer
        self._root = f"{stack}/wal"

    def begin(self, system: str, timeline: int) -> str:
        """Return the name of a new chain; it is there with its first segment."""
        return f"{system}-{timeline}.{datetime.now(UTC).strftime(_BEGAN)}"

    def chains(self, system: str | None = None, timeline: int | None = None) -> list[str]:
        """Return the chains that have a segment, of one history of a server or of all, the oldest first."""
        found = {
            item.path.removeprefix(f"{self._root}/").partition("/")[0] for item in self.target.items(f"{self._root}/")
        }
        mine = {name for name in found if system is None or name.startswith(f"{system}-{timeline}.")}
        return sorted(mine, key=began)

    def add(self, chain: str, file: Path, previous: Sidecar | None, *, complete_to: float) -> Sidecar:
        """Store a whole segment, then its sidecar, with which it is there; cut off in between, it is to be added again."""
        assert self._signer is not None
        root, name = self.place(chain), file.name
        storing = store(self.target, root, f"{name}{SUFFIX}", self._recipient)
        with file.open("rb") as segment, storing as into:
            copyfileobj(segment, into, _CHUNK)
        assert storing.stored is not None
        sidecar = Sidecar(
            stack=self._stack,
            chain=chain,
            segment=name,
            position=segments.start(name, storing.stored.plain),
            stored=storing.stored.stored,
            plain=storing.stored.plain,
            sha256=storing.stored.sha256,
            previous="" if previous is None else hashed(render(previous, self._signer)),
            archived=time.time(),
            complete_to=complete_to,
        )
        with self.target.write(f"{root}/{name}{_SIDECAR}") as into:
            into.write(render(sidecar, self._signer))
        return sidecar

    def advance(self, last: Sidecar, complete_to: float) -> None:
        """Record that nothing was committed since, which no segment tells."""
        assert self._signer is not None
        head = Head(stack=self._stack, chain=last.chain, segment=last.segment, complete_to=complete_to)
        with self.target.write(f"{self.place(last.chain)}/{_HEAD}") as into:
            into.write(render(head, self._signer))

    def place(self, chain: str) -> str:
        """Return where a chain lies on the target."""
        return f"{self._root}/{chain}"

    def names(self, chain: str) -> list[str]:
        """Return the segments of a chain that have a sidecar, in order."""
        paths = (item.path for item in self.target.items(f"{self.place(chain)}/"))
        names = (path.rpartition("/")[2].removesuffix(_SIDECAR) for path in paths if path.endswith(_SIDECAR))
        return sorted(name for name in names if segments.is_segment(name))

    def sidecar(self, chain: str, segment: str) -> tuple[Sidecar, str]:
        """Return what stands beside a segment, and its hash; Failure `Damaged` names the file."""
        path = f"{self.place(chain)}/{segment}{_SIDECAR}"
        data = self._read(path)
        return parse(
            data, Sidecar, path=path, trust=self._trust, stack=self._stack, chain=chain, segment=segment
        ), hashed(data)

    def last(self, chain: str) -> Sidecar | None:
        """Return the newest segment of a chain."""
        names = self.names(chain)
        return self.sidecar(chain, names[-1])[0] if names else None

    def head(self, chain: str) -> Head | None:
        """Return how far a chain came; None where its segments say it all."""
        path = f"{self.place(chain)}/{_HEAD}"
        try:
            data = self._read(path, missing="NotFound")
        except Failure as failure:
            if failure.kind == "NotFound":
                return None
            raise
        return parse(data, Head, path=path, trust=self._trust, stack=self._stack, chain=chain)

    def stored(self, sidecar: Sidecar) -> StoredFile:
        """Return a segment as `backup.parts.fetch` reads it, below `place(chain)`."""
        return StoredFile(
            path=f"{sidecar.segment}{SUFFIX}", stored=sidecar.stored, plain=sidecar.plain, sha256=sidecar.sha256
        )

    def prune(self, before: float) -> int:
        """Remove segments that were stored before (Unix seconds) the oldest kept set began; return how many.

        Chains of others stay. What such a set needs was written after it began, and so was stored after that. The newest segment stays: the next one
        refers to it.
        """
        removed = 0
        chains = self.chains()
        for chain in chains:
            if self._foreign(chain):
                continue
            for name in self._older(chain, before, keep=1 if chain == chains[-1] else 0):
                self.target.remove(f"{self.place(chain)}/{name}{SUFFIX}")
                self.target.remove(f"{self.place(chain)}/{name}{_SIDECAR}")
                removed += 1
            if not self.names(chain):
                self.target.remove(f"{self.place(chain)}/{_HEAD}")
        return removed

    def sweep(self, system: str) -> int:
        """Remove what writes to a server's chains have left that were killed; return how many. Only its receiver may."""
        return self.target.sweep(f"{self._root}/{system}-")

    def _foreign(self, chain: str) -> bool:
        """Whether a chain was signed by somebody who is not trusted: it may be whole, and its key only unknown here."""
        try:
            for name in self.names(chain)[:1]:
                self.sidecar(chain, name)
        except Failure as failure:
            if failure.kind != "NotTrusted":
                raise
            return True
        return False

    def _older(self, chain: str, before: float, *, keep: int) -> Iterator[str]:
        names = self.names(chain)
        for name in names[: len(names) - keep]:
            if self.sidecar(chain, name)[0].archived >= before:
                return
            yield name

    def _read(self, path: str, missing: str = "Damaged") -> bytes:
        try:
            with self.target.read(path) as stream:
                return stream.read(_LARGEST)
        except Failure as failure:
            if failure.kind != "NotFound" or missing == "NotFound":
                raise
            raise damaged(path, "it is missing") from None


def began(chain: str) -> float:
    """Return when a chain began, in Unix seconds."""
    return datetime.strptime(chain.rpartition(".")[2], _BEGAN).replace(tzinfo=UTC).timestamp()
