"""`backup restore`: chosen and checked, agreed to, loaded beside the data, exchanged, initialized again."""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from components.naming import Naming
from ops.backups import cold, journal
from ops.backups.reporting import Reporter, reporter
from ops.backups.stack import StackBackups
from ops.backups.standing import paused
from ops.backups.steps import Steps, stands_still
from ops.cli.backup.asked import Asked
from ops.cli.backup.asking import described, failures
from ops.cli.backup.choosing import Chosen, choose, instant
from ops.cli.backup.places import Place, place
from ops.cli.backup.settling import settle
from ops.cli.backup.sizes import moment
from ops.cli.errors import DONE, CommandError, NotAsked, Refused
from ops.cli.leases import leased
from ops.cli.printer import Printer

SERVICES = ("backups", "relay")
UNTOUCHED = "Nothing was touched."


def restore(printer: Printer, asked: Asked) -> int:
    """Carry it out, or finish what an earlier one has begun; Refused or NotAsked before anything is touched."""
    printer.end(*restored(printer, asked))
    return DONE


def restored(printer: Printer, asked: Asked) -> tuple[str, dict[str, Any]]:
    """The same, and return what is told of it in the end, as a sentence and as a document."""
    from ops.cli.migrate.update import ensure_free

    began, agreed = time.monotonic(), confirmed(asked)
    into = described(asked.into)
    left = unfinished(asked.into)
    if left is not None and left.giving_up:
        _refuse_half(left)
    # Of one that only could not be initialized again, another set may be the way out.
    elif left is not None and (asked.command == left.command or left.open):
        return _resume(printer, into, left, asked)
    mask = _mask(asked)
    found = place(asked.stack, target=asked.target, identity=asked.identity)
    ensure_free(printer)
    with reporter(quiet=printer.as_json) as shown, failures():
        chosen = choose(into, found, asked, shown)
    _tell(printer, chosen, asked)
    printer.agree_by_name(asked.into, yes=agreed, option=f"--confirm {asked.into}")
    steps_of = _steps(into, found, chosen, asked, mask)
    with alone(into, asked.command):
        if unfinished(asked.into) != left:
            raise Refused(f"Another restore into {asked.into} came in between. {UNTOUCHED} Fix: run the command again")
        with reporter(quiet=printer.as_json) as shown, failures():
            # Meanwhile the log goes on being archived, which may have to come up to the moment that is asked for.
            steps = _loaded(steps_of(shown), chosen, found)
        with paused(*services(into)):
            decided = journal.Decided(stack=asked.into, command=asked.command, taken=steps.taken, sets=steps.sets)
            journal.write(decided)
            _exchange(printer, into, decided)
    seconds = time.monotonic() - began
    if asked.at or asked.only:
        printer.say(
            f"What was not restored to the same moment may differ. Then: ./karen reconcile --stack {asked.into}"
        )
    points = {name: moment(point) for name, point in chosen.points.items()}
    told = f"Done: {', '.join(chosen.engines)} of {asked.into} are as in {chosen.newest}, in {seconds:.1f} s."
    return told, {"set": chosen.newest, "points": points, "seconds": round(seconds, 1)}


def _resume(printer: Printer, into: StackBackups, left: journal.Decided, asked: Asked) -> tuple[str, dict[str, Any]]:
    """Finish a restore that was cut off while it exchanged; what another command asks for is not done then."""
    printer.say(f"A restore was cut off while it exchanged data ({left.command}): it is finished.")
    with alone(into, left.command):
        if unfinished(left.stack) != left:
            raise Refused(f"Another one finishes the restore into {left.stack}. {UNTOUCHED} Fix: wait for it to end")
        with paused(*services(into)):
            _exchange(printer, into, left)
    told = f"Done: {', '.join(left.taken)} of {left.stack} are restored."
    if asked.command != left.command:
        told += " What this command asks for was not done: run it again."
    return told, {"resumed": True, "sets": dict(left.sets)}


@contextmanager
def alone(into: StackBackups, command: str) -> Iterator[None]:
    """Keep everybody else off the stack: other restores, and the monitor."""
    try:
        with journal.alone(into.stack), leased(into.stack, command):
            yield
    except journal.TwiceError as error:
        raise Refused(f"{error}. {UNTOUCHED} Fix: wait for it to end") from None


def services(into: StackBackups) -> tuple[str, ...]:
    """Return the containers that make sets, and that deliver memories: none of what is half exchanged, nor into it."""
    return tuple(map(Naming(stack=into.stack).container, SERVICES))


def unfinished(stack: str) -> journal.Decided | None:
    """Return the restore into a stack that was cut off while it exchanged data; NotAsked if its note cannot be read."""
    try:
        return journal.read(stack)
    except ValueError as error:
        path = journal.path(stack)
        fix = f"Fix: remove it, and restore every engine: ./karen backup restore --stack {stack}"
        raise NotAsked(
            f"A restore into {stack} was cut off, and its note {path} cannot be read: {error}. {fix}"
        ) from None


def _refuse_half(left: journal.Decided) -> None:
    """Another restore that leaves out what stands still would leave it so; what is asked for its data is put in order by its load."""
    if standing := [engine for engine in left.open if stands_still(engine, left.taken[engine])]:
        told = f"A restore into {left.stack} is being given up, and {', '.join(standing)} is not as before yet"
        raise Refused(f"{told}. {UNTOUCHED} Fix: ./karen backup restore --give-up")


def _loaded(steps: Steps, chosen: Chosen, found: Place) -> Steps:
    """Load every part; what fails, or is interrupted, leaves the data as they are and nothing beside them."""
    begun: list[str] = []
    try:
        for engine in chosen.engines:
            begun.append(engine)
            steps.load(engine, chosen.manifests[engine], found.identity)
    except BaseException:
        steps.discard(begun)
        raise
    return steps


def _exchange(printer: Printer, into: StackBackups, decided: journal.Decided) -> None:
    """Put every part in its place, noting how far it has come: an exchange may be repeated until it is noted."""
    with reporter(quiet=printer.as_json) as shown, _last_resort(), failures():
        steps = Steps(into=into, reporter=shown, taken=decided.taken, sets=decided.sets)
        for engine in steps.taken:
            if engine not in decided.exchanged:
                steps.exchange(engine)
                decided = journal.note(decided, "exchanged", engine)
            if engine not in decided.finished:
                steps.finish(engine)
                decided = journal.note(decided, "finished", engine)
    settle(printer, list(decided.taken))
    journal.remove(decided.stack)


@contextmanager
def _last_resort() -> Iterator[None]:
    """Add to what ends an exchange what is left to do should it end so each time."""
    try:
        yield
    except CommandError as error:
        again = "The same command goes on where this one stopped. Should it never succeed"
        raise type(error)(f"{error}\n{again}: ./karen backup restore --give-up") from None


def _steps(into: StackBackups, found: Place, chosen: Chosen, asked: Asked, mask: str) -> Any:
    def of(shown: Reporter) -> Steps:
        return Steps(
            into=into,
            reporter=shown,
            taken={name: chosen.manifests[name]["engines"][name]["taken"] for name in chosen.engines},
            sets={name: chosen.manifests[name]["id"] for name in chosen.engines},
            source=found.request,
            volumes=found.volumes,
            outside=found.outside,
            foreign=found.foreign,
            until=instant(asked.at),
            mask=mask,
        )

    return of


def _mask(asked: Asked) -> str:
    if asked.mask is None:
        return ""
    if not asked.only:
        raise Refused(
            "--mask changes PostgreSQL alone, and the other engines would come as they are. Nothing was touched."
            " Fix: name what is to be restored: --only postgres, and what needs no mask"
        )
    try:
        return asked.mask.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise NotAsked(f"--mask {asked.mask} cannot be read: {error}. Fix: name a file with SQL") from None


def confirmed(asked: Asked) -> bool:
    """Whether the stack was named with the command; Refused for the name of another one."""
    if asked.confirm not in (None, asked.into):
        raise Refused(
            f"--confirm is {asked.confirm!r}, and the stack is {asked.into!r}: nothing was touched. Fix: --confirm {asked.into}"
        )
    return asked.confirm is not None


def _tell(printer: Printer, chosen: Chosen, asked: Asked) -> None:
    """Say what will be lost, and what comes in its place."""
    for difference in chosen.differences:
        printer.say(difference)
    for engine in chosen.engines:
        taken: Mapping[str, Any] = chosen.manifests[engine]["engines"][engine]["taken"]
        counts: Sequence[int] = list(taken["counts"].values())
        printer.say(
            f"{engine}: what {asked.into} holds is replaced by {sum(counts)} in {len(counts)} objects, as of"
            f" {moment(chosen.points[engine])} UTC"
        )
        if cold.is_cold(taken):
            services = ", ".join(taken["details"]["volumes"])
            printer.say(
                f"{engine}: these are all files of {services}, MinIO's buckets included; their servers stop for it"
            )
