"""`backup create`."""

import base64
from collections.abc import Sequence
from typing import Any

from bootstrap import state
from ops.audit.record import head
from ops.backups import cold
from ops.backups.reporting import reporter
from ops.backups.stack import StackBackups
from ops.cli.backup.asking import ask, described, failures
from ops.cli.backup.choosing import told_reason
from ops.cli.backup.sizes import size
from ops.cli.errors import DONE, REFUSED, NotAsked
from ops.cli.leases import leased
from ops.cli.printer import Printer


def create(printer: Printer, only: Sequence[str], label: str, *, stopped: bool = False, logical: bool = False) -> int:
    """Make a set and tell what is in it; exit 1 when an engine could not be taken. `stopped`: Milvus as a copy of volumes.

    `logical`: PostgreSQL as dumps.
    """
    backups = described(printer.stack)
    request = requested(printer.stack, only, label, logical=logical)
    answer = _cold(printer, backups, request) if stopped else ask(backups, "create", printer, **request)
    manifest = answer["manifest"]
    failed = {name: one["reason"] for name, one in manifest["engines"].items() if one["state"] != "good"}
    for name, reason in failed.items():
        printer.say(f"{name}: {told_reason(name, reason)}")
    files = [file for one in manifest["engines"].values() for file in one["files"]]
    seconds = manifest["ended"] - manifest["began"]
    plain, stored = (size(sum(file[key] for file in files)) for key in ("plain", "stored"))
    told = f"{manifest['id']}: {', '.join(manifest['engines'])}, {plain} in {stored}, {seconds:.1f} s"
    sentence = f"Incomplete: {told}; without {', '.join(failed)}." if failed else f"Done: {told}."
    printer.end(sentence, {"set": manifest})
    return REFUSED if failed else DONE


def requested(stack: str, only: Sequence[str], label: str, *, logical: bool) -> dict[str, Any]:
    """Return what a job is asked for that makes a set."""
    # As it lies there: Pulumi's own secrets in it are encrypted, and all of it is encrypted again.
    record = base64.b64encode(state.stack_file(stack).read_bytes()).decode()
    request = {"only": list(only), "label": label, "state": record, "trigger": "manual", "logical": logical}
    return {**request, "audit": head(stack)}


def _cold(printer: Printer, backups: StackBackups, request: dict[str, Any]) -> dict[str, Any]:
    """Make it while the servers whose volumes are copied stand still; NotAsked before anything is stopped."""
    from ops.cli.migrate.update import ensure_free

    if problem := cold.problem(backups, request["only"]):
        raise NotAsked(f"{problem}. Nothing was stopped.")
    ensure_free(printer)
    names = ", ".join(cold.SERVICES)
    printer.say(
        f"{names} are stopped until the set is made: in it, they are copies of their volumes, MinIO's buckets included."
    )
    taken = leased(backups.stack, "./karen backup create --cold", cold.SERVICES)
    with taken, reporter(quiet=printer.as_json) as shown, failures():
        return cold.create(backups, request, shown)
