"""Everything that is known of one engine's migrations: files, ledger, reality, the configuration, and Pulumi's record. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from init.migrations import LedgerEntry, Migration, Plan, Problem, compare, schema_version
from ops.cli.migrate.pins import NOTHING, shown
from ops.cli.recorded import Record


@dataclass(frozen=True)
class Known:
    """One engine. `answer` is what its inspection told, or an `error`; `seeds` is the checksum of the seed files."""

    engine: str
    files: tuple[Migration, ...]
    pin: str
    record: Record
    answer: Mapping[str, Any]
    file_problems: tuple[Problem, ...] = ()
    seeds: str = ""
    ledger: tuple[LedgerEntry, ...] = field(init=False)

    def __post_init__(self) -> None:
        entries = (LedgerEntry.parse(entry) for entry in self.answer.get("ledger") or ())
        object.__setattr__(self, "ledger", tuple(entries))

    @property
    def error(self) -> str:
        """Return why the engine could not be asked, with the fix; empty if it was."""
        error = self.answer.get("error") or {"message": "", "fix": ""}
        return f"{error['message']}. Fix: {error['fix']}" if error["fix"] else str(error["message"])

    @property
    def version(self) -> str:
        """Return the version of the schema."""
        return schema_version(self.ledger)

    @property
    def applied(self) -> dict[str, str]:
        """Return name and checksum of what is applied."""
        return {entry.name: entry.checksum for entry in self.ledger if not entry.dirty}

    @property
    def dirty(self) -> tuple[LedgerEntry, ...]:
        """Return what is half applied or half reverted."""
        return tuple(entry for entry in self.ledger if entry.dirty)

    @property
    def drift(self) -> list[str]:
        """Return a sentence for everything that was changed by hand."""
        return list(self.answer.get("drift") or ())

    @property
    def kept(self) -> dict[str, int]:
        """Return the old versions that changes have kept, with how much each holds."""
        return dict(self.answer.get("kept") or {})

    @property
    def counts(self) -> dict[str, int]:
        """Return how much every table, index, collection or bucket holds, if that was asked for."""
        return dict(self.answer.get("counts") or {})

    def plan(self, pin: str) -> Plan:
        """Return what an update with this pin would do, and what stands in its way."""
        if self.file_problems:
            return Plan((), self.file_problems)
        plan = compare(self.engine, self.ledger, self.files, target=pin or None)
        known = (NOTHING, *(file.version for file in self.files))
        if pin and pin not in known:
            setting = f"ai-karen-db:{self.engine}SchemaVersion is {pin}; there are {', '.join(known)}"
            fix = f"Fix: ./karen migrate up {self.engine} --to latest"
            problem = Problem("unknown-target", "", f"{setting}. {fix}")
            return Plan(plan.pending, (*plan.problems, problem))
        return plan

    def latest(self) -> str:
        """Return the newest file's version."""
        return max((file.version for file in self.files), default=NOTHING)

    def below(self) -> str:
        """Return the version below everything that the ledger tells of."""
        highest = max((entry.version for entry in self.ledger), default=NOTHING)
        return f"{max(int(highest) - 1, 0):03}"

    def unrecorded(self, pin: str) -> list[str]:
        """Return a sentence for each thing that Pulumi has recorded otherwise than it is."""
        record, found = self.record, []
        if record.target != pin:
            found.append(f"Pulumi recorded the target {shown(record.target)}, the configuration has {shown(pin)}")
        if record.migrations != self.applied:
            found.append(f"Pulumi recorded {_difference(record.migrations, self.applied)}")
        elif record.version != self.version:
            found.append(f"Pulumi recorded the version {record.version}, the ledger tells {self.version}")
        if not record.verified:
            found.append("Pulumi has not recorded a verification since the last run")
        return found

    def is_unseen(self, pin: str) -> bool:
        """Whether there is something to do that Pulumi does not see: its record is as the files are, and the ledger is not."""
        wanted = {file.name: file.checksum for file in self.files if not pin or file.version <= pin}
        return self.applied != wanted and self.record.migrations == wanted and self.record.target == pin

    def is_settled(self, pin: str) -> bool:
        """Whether an update with this pin has nothing to do."""
        plan = self.plan(pin)
        recorded = self.pin == pin and not self.unrecorded(pin)
        seeded = self.record.properties.get("seeds") in (self.seeds, None)
        return not (plan.pending or plan.problems or self.dirty) and recorded and seeded

    def differences(self) -> list[tuple[str, str]]:
        """Return kind and sentence of everything that is not as files and configuration say."""
        plan, name = self.plan(self.pin), self.engine
        found = [(problem.kind, str(problem)) for problem in plan.problems]
        for migration in plan.pending:
            half = next((entry for entry in self.dirty if entry.name == migration.name), None)
            what = "half applied" if half else "pending"
            if half is None or not half.error:
                found.append((what, f"{name}/{migration.file}: {what}. Fix: ./karen migrate up {name}"))
        repair = f"Fix: change it back, or accept it: ./karen migrate repair {name}"
        found += [("drift", f"{name}: {sentence}. {repair}") for sentence in self.drift]
        if self.ledger and not self.answer.get("compared", True):
            unknown = "how migrations left its schema is not known"
            found.append(
                ("not-compared", f"{name}: {unknown}. Fix: ./karen migrate repair {name}, which takes it as it is")
            )
        if not self.answer.get("mirrored", True):
            mirror = "PostgreSQL's migration_history tells something else than its own ledger"
            found.append(("not-mirrored", f"{name}: {mirror}. Fix: ./karen migrate repair {name}"))
        if not self.file_problems:
            found += [
                ("not-recorded", f"{name}: {one}. Fix: ./karen migrate up {name}") for one in self.unrecorded(self.pin)
            ]
        return found

    def document(self) -> dict[str, Any]:
        """Return all of it as JSON."""
        plan = self.plan(self.pin)
        return {
            "engine": self.engine,
            "error": self.error or None,
            "server_version": self.answer.get("server_version"),
            "version": self.version,
            "target": shown(self.pin),
            "applied": list(self.applied),
            "pending": [migration.name for migration in plan.pending],
            "dirty": [entry.document() for entry in self.dirty],
            "problems": [{"kind": one.kind, "file": one.file, "message": one.message} for one in plan.problems],
            "drift": self.drift,
            "kept": self.kept,
            "mirrored": bool(self.answer.get("mirrored", False)),
            "objects": self.answer.get("objects"),
            "ledger": [entry.document() for entry in self.ledger],
            **({"counts": self.counts} if "counts" in self.answer else {}),
        }


def after(one: Known, result: Mapping[str, Any]) -> Known:
    """Return what is known of an engine after a job has changed its ledger: the job tells, and leaves nothing to repair."""
    told = {"ledger": result["ledger"], "drift": [], "mirrored": True, "compared": True}
    return replace(one, answer={**one.answer, **told})


def _difference(recorded: Mapping[str, str], applied: Mapping[str, str]) -> str:
    """Tell what a record has more, less, or with another checksum than the ledger."""
    parts: Sequence[tuple[str, list[str]]] = (
        ("which the ledger lacks", sorted(set(recorded) - set(applied))),
        (
            "with another checksum than the ledger",
            [n for n in sorted(recorded) if applied.get(n, recorded[n]) != recorded[n]],
        ),
    )
    told = [f"{', '.join(names)} {what}" for what, names in parts if names]
    missing = sorted(set(applied) - set(recorded))
    return "; ".join([*told, *([f"no {', '.join(missing)}, which is applied"] if missing else [])])
