"""`certificates renew`: one update of the servers' certificates and of everything that has them."""

from monitor.certificate_rules import AUTHORITY, day
from ops.cli.certificates.expiring import certificates, first
from ops.cli.certificates.showing import known
from ops.cli.errors import DONE, NotAsked
from ops.cli.printer import Printer
from ops.cli.rotate import updating
from ops.cli.rotate.alone import alone

# Of a container, whose certificate's fingerprint is one of them.
_LABELS = "labels"


def renew(printer: Printer, service: str, *, yes: bool) -> int:
    """Renew that of a service, or all that servers have; the authority's own is renewed by any update, in time."""
    from ops.cli.migrate.update import ensure_free, targeted

    there = [one for one in known(printer.stack) if one.service != AUTHORITY]
    servers = [one for one in there if service in (one.service, "all")]
    names = ", ".join(one.service for one in servers or there)
    if not servers:
        raise NotAsked(f"{service!r} has no certificate; allowed: all, {names}")
    ensure_free(printer)
    printer.say(f"Started again with new certificates, up to a minute each: {names}. Clients have nothing to do.")
    printer.agree(f"Renew {len(servers)} certificates of {printer.stack}?", yes=yes)
    with alone(printer.stack, "./karen certificates renew"):
        printer.progress("looking for changes that wait for an update")
        updating.ensure_nothing_else(printer.stack, but=_LABELS)
        printer.progress("issue: new certificates, and servers with them")
        replaced = [part for one in servers for part in ("--replace", one.urn)]
        targeted(printer, [one.urn for one in servers], "--target-dependents", *replaced)
    renewed = {one.service for one in servers}
    next_one = first([one for one in certificates(printer.stack) if one.service in renewed])
    assert next_one is not None
    printer.end(
        f"Done: {names} renewed; accepted until {day(next_one.expires)}.",
        {"services": sorted(renewed), "expires": next_one.expires.isoformat()},
    )
    return DONE
