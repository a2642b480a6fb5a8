"""`backup schedule show`."""

from collections.abc import Mapping
from typing import Any

from ops.cli.backup.asking import described, quietly
from ops.cli.backup.sizes import moment
from ops.cli.errors import DONE, REFUSED
from ops.cli.printer import Printer
from ops.cli.services.containers import BACKUPS as SERVICE


def show(printer: Printer) -> int:
    """Tell what the service that makes sets has written; exit 1 when its last set failed or it is silent."""
    backups = described(printer.stack)
    answer = quietly(backups, "schedule")
    printer.say(f"schedule {backups.configuration['schedule']} (UTC), kept {backups.configuration['keep']}")
    status: Mapping[str, Any] | None = answer["status"]
    if status is None:
        start, up = f"./karen start {SERVICE} --stack {printer.stack}", f"make up STACK={printer.stack}"
        fix = f"{start}; where there is no such service, pulumi config set ai-karen-db:enableBackups true, and {up}"
        printer.end(f"Nothing makes sets by itself at the moment. Fix: {fix}", answer)
        return REFUSED
    if status["running"]:
        printer.say(f"a set is being made since {moment(status['running']['began'])}: {status['running']['progress']}")
    last = status["last"]
    if last:
        printer.say(f"last set {last['set'] or '–'} ({last['trigger']}), {moment(last['ended'])}: {last['state']}")
        for text in (*last["reasons"].values(), *([last["error"]["message"]] if last["error"] else [])):
            printer.say(f"  {text}")
    if status["missed"]:
        printer.say(f"times that passed without a set: {status['missed']}, the last {moment(status['missed_at'])}")
    printer.say(f"PostgreSQL's log: {_followed(status['archive'])}")
    good = not last or last["state"] == "good"
    printer.end(f"The next set is made {moment(status['next'])} UTC.", answer)
    return DONE if good else REFUSED


def _followed(archive: Mapping[str, Any]) -> str:
    if not archive["following"]:
        return f"not followed{': ' + archive['error'] if archive['error'] else ''}"
    return "followed" if archive["lag_seconds"] is None else f"followed, {archive['lag_seconds']:.0f} s behind"
