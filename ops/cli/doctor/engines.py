"""The engines, asked by a job: whether they let us in with what Pulumi generated, and whether schemas and ledgers are right."""

from collections.abc import Iterator

from ops.cli.doctor.model import Check, Finding, Patient
from ops.cli.errors import CommandError
from ops.cli.migrate.known import Known
from ops.cli.migrate.survey import survey

_REFUSED = ("refused", "authentication failed", "InvalidAccessKeyId", "SignatureDoesNotMatch", "AccessDenied")


def engines(patient: Patient) -> Iterator[Finding]:
    """Passwords, ledgers and schemas of every engine that has migrations."""
    if patient.client is None or not patient.resources:
        return
    try:
        found = survey(patient.stack)
    except CommandError as error:
        message, _, fix = str(error).partition(" Fix: ")
        yield Finding("engines", "unknown", message, fix)
        return
    silent = [one for one in found if one.error]
    yield from (_silent(one, patient.stack) for one in silent)
    asked = [one for one in found if not one.error]
    if asked:
        yield Finding("passwords", "ok", f"let in by {', '.join(one.engine for one in asked)}")
    for one in asked:
        for kind, sentence in one.differences():
            message, _, fix = sentence.partition(" Fix: ")
            yield Finding("drift" if kind == "drift" else "migrations", "warning", message, fix)
    clean = [one.engine for one in asked if not one.differences()]
    if clean:
        yield Finding("migrations", "ok", f"files, ledgers and schemas agree in {', '.join(clean)}")


def _silent(one: Known, stack: str) -> Finding:
    """Tell a volume that was made with another password from an engine that does not answer."""
    if any(sign in one.error for sign in _REFUSED):
        fix = f"restore the stack's state, in which that password is; or give up the data: make erase STACK={stack}"
        told = f"{one.engine} does not accept what Pulumi generated: its volume was made with another password. {one.error}"
        return Finding("passwords", "problem", told.partition(" Fix: ")[0], fix)
    message, _, fix = one.error.partition(" Fix: ")
    return Finding(
        "engines", "problem", f"{one.engine}: {message}", fix or f"./karen logs {one.engine} --stack {stack}"
    )


CHECKS: tuple[Check, ...] = (engines,)
