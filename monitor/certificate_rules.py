"""What is wrong with a stack's certificates, from when they expire. Pure. Commands tell the same as the monitor's alerts."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta

from monitor.alerts.model import Condition

AUTHORITY = "authority"
# An update renews a server's in its last thirty days.
_WARNING, _CRITICAL = timedelta(days=30), timedelta(days=7)


def conditions(expires: Mapping[str, datetime], now: datetime, stack: str) -> Iterator[Condition]:
    """Yield a condition for each certificate, by its service, that is about to expire, or has expired."""
    for name, end in expires.items():
        left = end - now
        if left < _WARNING:
            whose, verb = "the authority" if name == AUTHORITY else name, "expires" if end > now else "has expired"
            told = f"the certificate of {whose} {verb} on {day(end)}"
            # Any update renews the authority's.
            fix = f"make up STACK={stack}" if name == AUTHORITY else f"./karen certificates renew --stack {stack}"
            service = None if name == AUTHORITY else name
            yield Condition(f"certificate/{name}", "critical" if left < _CRITICAL else "warning", service, told, fix)


def day(moment: datetime) -> str:
    """Return a day for people: `2027-11-22`."""
    return f"{moment.astimezone(UTC):%Y-%m-%d}"
