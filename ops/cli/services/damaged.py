"""Which failing engines say that their data are damaged, in their answer or, where they do not run, in their log."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from docker.errors import APIError

from init.engines.base import DAMAGED
from monitor.corruption import damage, remedy
from ops.cli.services.backed import backed
from ops.cli.services.containers import Servers

# What a server says last before it gives up.
_LINES = 50
# The engine waits up to a minute before it starts again what ends by itself.
_RESTARTS_SECONDS = 60


@dataclass(frozen=True)
class Damage:
    """The engine's own words, and the command that brings its data back."""

    message: str
    fix: str

    def document(self) -> dict[str, str]:
        """Return it as JSON has it."""
        return asdict(self)


def damaged(stack: Servers, failing: Mapping[str, Mapping[str, Any]]) -> dict[str, Damage]:
    """Return, of services that fail by themselves, those whose data are damaged; `failing` are their answers."""
    found = {name: told for name, answer in failing.items() if (told := _told(stack, name, answer))}
    if not found:
        return {}
    kept = backed(stack)
    newest = kept.good.set if kept and kept.good else ""
    return {name: Damage(message, remedy(name, stack.stack, newest)) for name, message in found.items()}


def _told(stack: Servers, name: str, answer: Mapping[str, Any]) -> str | None:
    error = answer.get("error") or {}
    message = str(error.get("message") or "")
    if error.get("kind") == DAMAGED:
        return message
    return damage(name, message) or damage(name, "\n".join(_log(stack, name)))


def _log(stack: Servers, name: str) -> Iterable[str]:
    """Return the last lines of a server that does not run as it should; a healthy one's are of no interest.

    What it said before it was started on purpose may have been mended since; of one that ends again and again, the last
    start may be so short ago that it has not said anything yet.
    """
    server = stack.found.get(name)
    if server is None or server.state == "healthy":
        return ()
    before = _RESTARTS_SECONDS if server.facts["RestartCount"] else 0
    try:
        lines: bytes = stack.client.api.logs(server.name, tail=_LINES, since=max(server.started - before - 1, 1))
    except APIError:
        # Removed meanwhile.
        return ()
    return lines.decode(errors="replace").splitlines()[::-1]
