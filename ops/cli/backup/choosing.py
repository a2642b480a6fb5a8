"""Which set each engine is restored from: found, trusted, whole, not newer than this checkout, and checked file by file."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from backup.engines import NAMES
from ops.backups import cold, jobs
from ops.backups.reporting import Reporter
from ops.backups.stack import StackBackups
from ops.cli.backup.asked import Asked
from ops.cli.backup.places import Place
from ops.cli.backup.versions import differences
from ops.cli.errors import NotAsked, Refused
from ops.cli.migrate.folders import files_of, migrated
from ops.cli.recorded import Recorded

_POSTGRES = "postgres"
_NOTHING = "Nothing was touched."


@dataclass(frozen=True, kw_only=True)
class Chosen:
    """The manifest of each engine, and the moment (Unix seconds) at which each will stand; `differences` are servers' versions."""

    manifests: Mapping[str, Mapping[str, Any]]
    points: Mapping[str, float]
    differences: tuple[str, ...] = ()

    @property
    def engines(self) -> tuple[str, ...]:
        """Return the engines in the order in which they are restored: PostgreSQL, the authority, first."""
        return tuple(sorted(self.manifests, key=lambda name: (name != _POSTGRES, name)))

    @property
    def newest(self) -> str:
        """Return the newest set's id."""
        return max(str(one["id"]) for one in self.manifests.values())


def choose(into: StackBackups, found: Place, asked: Asked, reporter: Reporter) -> Chosen:
    """Return what will be restored, every file of it checked; Refused or NotAsked with the reason."""
    if unknown := sorted(set(asked.only) - set(NAMES)):
        raise NotAsked(f"--only is {', '.join(unknown)}; allowed: {', '.join(NAMES)}. {_NOTHING}")
    until = moment_of(asked.at)
    volumes, foreign = {**into.volumes, **found.volumes}, found.foreign(into.user)

    def ask(step: str, **request: Any) -> Mapping[str, Any]:
        # A job of the stack that is restored into: the source may be gone.
        sent = {**found.request, **request}
        return jobs.ask(into, step, sent, reporter, volumes=volumes, outside=found.outside, reads_all=foreign)

    manifest = ask("find", set=asked.wanted, not_after=until)["manifest"]
    engines = _wanted(manifest, into, asked)
    for name in engines:
        _refuse_newer(name, manifest["engines"][name]["taken"])
    if until is not None and _POSTGRES in engines:
        _refuse_logical(manifest)
    differing = differences(manifest, engines, Recorded.read(into.stack).server_versions)
    # This comes last, for it reads all of it.
    ask("check", set=manifest["id"], engines=engines, identity=found.identity)
    points = {name: float(manifest["engines"][name]["taken"]["ended"]) for name in engines}
    if until is not None and _POSTGRES in points:
        points[_POSTGRES] = until
    return Chosen(manifests=dict.fromkeys(engines, manifest), points=points, differences=differing)


def _wanted(manifest: Mapping[str, Any], into: StackBackups, asked: Asked) -> list[str]:
    """Return the engines to restore; Refused for one that the set does not have whole, or that the stack does not run."""
    parts = manifest["engines"]
    wanted = list(dict.fromkeys(asked.only or parts))
    for name in wanted:
        if name not in parts:
            raise NotAsked(
                f"{manifest['id']} has no {name}; it has {', '.join(parts)}{_inside(name, parts)}. {_NOTHING}"
            )
        if parts[name]["taken"] is None:
            fix = "Fix: name the others with --only, or another set"
            reason = told_reason(name, parts[name]["reason"])
            raise Refused(f"{manifest['id']} has no whole {name}: {reason}. {_NOTHING} {fix}")
        if name not in into.engines:
            fix = f"Fix: enable it and make up STACK={into.stack}, or leave it out with --only"
            raise Refused(f"The stack {into.stack} has no {name}. {_NOTHING} {fix}")
        if cold.is_cold(parts[name]["taken"]):
            _refuse_elsewhere(name, manifest, into)
    return wanted


def _refuse_elsewhere(name: str, manifest: Mapping[str, Any], into: StackBackups) -> None:
    """A copy of volumes has the users, passwords and settings of its stack inside; one made anew has others."""
    made_by, own = (manifest["stack"], manifest["recipient"]), (into.stack, into.configuration["recipient"])
    if made_by != own:
        raise Refused(
            f"{name} of {manifest['id']} is a copy of the volumes of {manifest['stack']}, users and passwords included: it goes"
            f" back into that very stack only. {_NOTHING} Fix: name the others with --only, or use a set made without --cold"
        )


def _inside(name: str, parts: Mapping[str, Any]) -> str:
    """Return in which part an engine is that has none of its own."""
    holding = [part for part, one in parts.items() if one["taken"] and name in one["taken"]["details"].get("holds", ())]
    return f", and {name} is in the volumes of {holding[0]}" if holding else ""


def _refuse_logical(manifest: Mapping[str, Any]) -> None:
    if manifest["engines"][_POSTGRES]["taken"]["details"].get("logical"):
        fix = "Fix: restore it without --at, or name a set that was made without --logical"
        raise Refused(f"{manifest['id']} has a logical dump of PostgreSQL, which no log goes on from. {_NOTHING} {fix}")


def _refuse_newer(name: str, taken: Mapping[str, Any]) -> None:
    version = str(taken["schema_version"])
    if name not in migrated() or not version:
        return
    migrations, problems = files_of(name)
    if problems:
        raise Refused(f"{problems[0]}\n{_NOTHING}")
    newest = max((one.version for one in migrations), default="000")
    if version > newest:
        raise Refused(
            f"{name}: the set's schema is {version}, and this checkout knows {newest} at most. {_NOTHING}"
            " Fix: use the checkout that made the set, or a newer one"
        )


def told_reason(name: str, reason: str) -> str:
    """Return why an engine's part is not whole, without the engine's name and the end of the sentence."""
    return reason.removeprefix(f"{name}: ").removesuffix(".")


def moment_of(text: str | None) -> float | None:
    """Return Unix seconds of an ISO time, UTC unless it says otherwise; NotAsked for another text or one that is to come."""
    if text is None:
        return None
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise NotAsked(f"--at is {text!r}; allowed: an ISO time such as 2026-11-22T10:15:00Z. {_NOTHING}") from None
    found = found if found.tzinfo else found.replace(tzinfo=UTC)
    if found > datetime.now(UTC):
        raise NotAsked(f"--at is {text!r}, which is to come. {_NOTHING}")
    return found.timestamp()


def instant(text: str | None) -> str | None:
    """Return an ISO time with its zone, as PostgreSQL is told it."""
    found = moment_of(text)
    return None if found is None else datetime.fromtimestamp(found, UTC).isoformat()
