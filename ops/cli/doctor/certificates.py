"""Certificates: whether connections are encrypted, and until when servers are accepted."""

from collections.abc import Iterator

from monitor.certificate_rules import day
from ops.cli.certificates.expiring import certificates, conditions, first
from ops.cli.doctor.model import Check, Finding, Patient

_NAME = "certificates"


def expiry(patient: Patient) -> Iterator[Finding]:
    """Whether a certificate expires soon, or connections that should be encrypted are not."""
    if patient.settings is None or not patient.resources:
        return
    found = certificates(patient.stack)
    wrong = conditions(found, patient.stack)
    for one in wrong:
        yield Finding(_NAME, "problem" if one.severity == "critical" else "warning", one.summary, one.fix)
    next_one = first(found)
    if next_one is not None and not wrong:
        yield Finding(_NAME, "ok", f"the next to expire is that of {next_one.service}, on {day(next_one.expires)}")
    if patient.settings.encrypted and not found:
        yield Finding(_NAME, "warning", "connections are not encrypted yet", f"make up STACK={patient.stack}")
    elif not found and patient.settings.production:
        fix = f"pulumi config rm ai-karen-db:tls --stack {patient.stack}, and make up STACK={patient.stack}"
        yield Finding(_NAME, "warning", "connections are not encrypted (tls is false)", fix)
    elif not found:
        yield Finding(_NAME, "ok", "none: connections are not encrypted in development unless tls is true")


CHECKS: tuple[Check, ...] = (expiry,)
