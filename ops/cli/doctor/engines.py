"""The engines, asked by a job: whether they let us in with what Pulumi generated, and whether schemas and ledgers are right."""

from collections.abc import Iterator

from init.engines import NAMES
from ops.cli.doctor.model import Check, Finding, Patient
from ops.cli.errors import CommandError
from ops.cli.migrate.known import Known
from ops.cli.migrate.survey import survey

_REFUSED = "AuthenticationFailed"
# Of the same kind, but no wrong password: a database that is gone, a user of Milvus' that was never given one.
_MISSING = ("does not exist", "has no password of its own")


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
    yield from dict.fromkeys(_silent(one, patient.stack) for one in silent)
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
    """Tell a volume that was made with another password from an engine that does not answer.

    The message begins with the engine that it is about: PostgreSQL may be in the way of all others.
    """
    message, _, fix = one.error.partition(" Fix: ")
    prefix, _, rest = message.partition(": ")
    engine, told = (prefix, rest) if prefix in NAMES else (one.engine, message)
    refused = (one.answer.get("error") or {}).get("kind") == _REFUSED
    if refused and not any(sign in told for sign in _MISSING):
        fix = f"restore the stack's state, in which that password is; or give up the data: make erase STACK={stack}"
        told = f"{engine} does not accept what Pulumi generated: its volume was made with another password. {told}"
        return Finding("passwords", "problem", told, fix)
    return Finding("engines", "problem", f"{engine}: {told}", fix or f"./karen logs {engine} --stack {stack}")


CHECKS: tuple[Check, ...] = (engines,)
