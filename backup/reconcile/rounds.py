"""Compared, mended, compared again: until nothing differs any more, or nothing more can be done."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from functools import partial
from typing import Any

from backup.reconcile.differences import KINDS, MISSING, ORPHANED, STALE, Differences, compare
from backup.reconcile.memories import Memories
from backup.reconcile.model import Mended, Side
from init.protocol import Failure

SIDES = ("elasticsearch", "milvus")
_ROUNDS = 3
_BATCH = 250
_EXAMPLES = 5
_TELL_SECONDS = 2.0
# Applications write a vector, then its row: one without a row may be about to get it.
_GRACE_SECONDS = 2.0
_FIX = "run ./karen reconcile again: it goes on from what it finds"
Tell = Callable[[str], None]


def reconcile(connections: Mapping[str, Mapping[str, Any]], *, dry_run: bool, progress: Tell) -> dict[str, Any]:
    """Make documents and vectors what the rows say, and return what was found, done and left, by engine.

    Nothing is changed with `dry_run`. What is left has `embed`, the keys whose vectors have to be made from their texts,
    and `refused`, the reason by key. Cut off at any point, the next run does the rest. Failure when an engine is not there.
    """
    if not any(name in connections for name in SIDES):
        raise Failure("BadRequest", f"engines has none of {', '.join(SIDES)}", "send the connection of one of them")
    with ExitStack() as stack:
        memories = stack.enter_context(closing(Memories(connections["postgres"])))
        sides = [stack.enter_context(closing(_open(name, connections[name]))) for name in SIDES if name in connections]
        with _explained(memories, sides):
            return _Reconciliation(memories, sides, progress).run(dry_run=dry_run)


class _Reconciliation:
    """One run over engines that are open."""

    def __init__(self, memories: Memories, sides: Sequence[Side], progress: Tell) -> None:
        self._memories, self._sides, self._progress = memories, sides, progress
        self._mended = {side.engine: Mended() for side in sides}
        self._hopeless: dict[str, list[int]] = {}
        self._compared_at = 0.0

    def run(self, *, dry_run: bool) -> dict[str, Any]:
        first = left = self._compare()
        rounds = 0
        while not dry_run and rounds < _ROUNDS and self._repairable(left):
            self._mend(left)
            rounds += 1
            left = self._compare()
        return {
            "dry_run": dry_run,
            "rounds": rounds,
            "mismatches": sum(one.total for one in left.values()),
            "engines": {side.engine: self._report(side, first, left) for side in self._sides},
        }

    def _compare(self) -> dict[str, Differences]:
        """Compare every engine with one snapshot of the rows."""
        found: dict[str, Differences] = {}
        with self._memories.snapshot():
            count = self._memories.count()
            for side in self._sides:
                tell = _Paced(self._progress, f"{side.engine}: {{}} of {count} memories compared")
                # Closed even if the other fails: the connection has to be free for what comes then.
                with closing(self._memories.stream()) as rows, closing(side.held()) as held:
                    found[side.engine] = compare(rows, held, side.agrees, tell)
        for side in self._sides:
            batches = _batches(found[side.engine].keys[MISSING])
            ask = partial(side.hopeless, embeddings=self._memories.embeddings)
            self._hopeless[side.engine] = [key for batch in batches for key in ask(batch)]
        self._compared_at = time.monotonic()
        return found

    def _repairable(self, found: Mapping[str, Differences]) -> bool:
        return any(one.total > len(self._hopeless[engine]) for engine, one in found.items())

    def _mend(self, found: Mapping[str, Differences]) -> None:
        for side in self._sides:
            wanted = found[side.engine].keys
            self._mend_keys(side, [*wanted[MISSING], *wanted[STALE]], "repaired")
        if any(one.keys[ORPHANED] for one in found.values()):
            time.sleep(max(0.0, self._compared_at + _GRACE_SECONDS - time.monotonic()))
        for side in self._sides:
            self._mend_keys(side, sorted(set(found[side.engine].keys[ORPHANED])), "orphans removed")

    def _mend_keys(self, side: Side, keys: Sequence[int], what: str) -> None:
        tell = _Paced(self._progress, f"{side.engine}: {{}} of {len(keys)} {what}")
        for number, batch in enumerate(_batches(keys)):
            # As the rows are now: what was compared may be history.
            rows = self._memories.of(batch)
            self._mended[side.engine] += side.mend(batch, rows, self._memories.embeddings)
            tell(number * _BATCH + len(batch))

    def _report(self, side: Side, first: Mapping[str, Differences], left: Mapping[str, Differences]) -> dict[str, Any]:
        before, after, done = first[side.engine], left[side.engine], self._mended[side.engine]
        still = {key for kind in KINDS for key in after.keys[kind]}
        return {
            "rows": after.rows,
            "held": after.held,
            "unkeyed": side.unkeyed(),
            "found": before.counts,
            "examples": {kind: list(before.keys[kind][:_EXAMPLES]) for kind in KINDS},
            "done": {"written": done.written, "updated": done.updated, "deleted": done.deleted},
            "left": after.counts,
            "embed": self._hopeless[side.engine],
            "refused": {str(key): reason for key, reason in done.refused.items() if key in still},
        }


class _Paced:
    """Tells how far it is, every two seconds at most."""

    def __init__(self, progress: Tell, sentence: str) -> None:
        self._progress, self._sentence, self._last = progress, sentence, time.monotonic()

    def __call__(self, number: int) -> None:
        if time.monotonic() - self._last >= _TELL_SECONDS:
            self._last = time.monotonic()
            self._progress(self._sentence.format(number))


def _batches(keys: Sequence[int]) -> Iterator[list[int]]:
    for start in range(0, len(keys), _BATCH):
        yield list(keys[start : start + _BATCH])


def _open(name: str, connection: Mapping[str, Any]) -> Side:
    if name == "elasticsearch":
        from backup.reconcile.documents import Documents

        return Documents(connection)
    from backup.reconcile.vectors import Vectors

    return Vectors(connection)


@contextmanager
def _explained(memories: Memories, sides: Sequence[Side]) -> Iterator[None]:
    """Turn what a client raises into a Failure."""
    try:
        yield
    except Exception as error:
        for name, explain in (("postgres", memories.explain), *((side.engine, side.explain) for side in sides)):
            if (reason := explain(error)) is not None:
                raise Failure("ReconcileFailed", f"{name}: {reason}", _FIX) from None
        raise
