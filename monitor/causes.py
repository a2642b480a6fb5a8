"""Why a service fails, in one sentence, and whether a restart is the remedy. Pure."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

from init.engines.base import DAMAGED
from monitor.corruption import damage, remedy
from monitor.model import MAINTENANCE, NO_ANSWER, Container, Observation, Usage
from monitor.roots import roots

# A server that cannot write any more: so little is left of its disk, both as a share of it and by itself. The last hundredth of a
# host's disk may be gigabytes, and a disk of a few megabytes never has more than these.
_FULL_SHARE, _FULL_LEFT = 0.99, 64 * 1024**2
# How the engines say so, who may refuse before the last byte is used.
_FULL = ("No space left on device", "flood-stage watermark", "XMinioStorageFull", "minimum free drive threshold")
_REFUSED = "AuthenticationFailed"
# Elasticsearch refuses the right password, too, while it starts: that is waited for.
_CERTAIN = ("missing", "full", "cut off", "damaged")


@dataclass(frozen=True)
class Cause:
    """`root` is the service that the failure comes from; `restart` says whether restarting that one may help."""

    service: str
    root: str
    code: str
    summary: str
    fix: str
    restart: bool

    @property
    def certain(self) -> bool:
        """Whether waiting does not change anything: it is no hiccup."""
        return self.code in _CERTAIN

    @property
    def own(self) -> bool:
        """Whether the failure is the service's own."""
        return self.root == self.service


def causes(
    observed: Mapping[str, Observation], waits: Mapping[str, Collection[str]], stack: str, newest: str = ""
) -> dict[str, Cause]:
    """Return the cause for every service that fails; what needs a service that somebody works on fails because of that.

    `newest` is the newest good set of backups, with which damaged data are brought back.
    """
    failing = {name for name, one in observed.items() if not one.answer.good}
    leased = {name for name, one in observed.items() if one.answer.status == MAINTENANCE}
    own = {name: _own(observed[name], stack, newest) for name in failing}
    own |= {name: _maintained(name) for name in leased}
    found = roots(failing | leased, waits)
    return {name: own[name] if found[name] == name else _because(name, own[found[name]]) for name in sorted(failing)}


def _maintained(name: str) -> Cause:
    return Cause(
        name, name, "maintenance", f"somebody works on {name}", "wait for the maintenance to end", restart=False
    )


def _because(name: str, cause: Cause) -> Cause:
    return replace(cause, service=name, summary=f"{name} fails because of {cause.root}: {cause.summary}")


def _own(one: Observation, stack: str, newest: str) -> Cause:
    """Return what is wrong with the service itself: the first of these that can be seen explains all later ones."""
    name, answer = one.service, one.answer
    up = f"make up STACK={stack}"
    if one.container is not None and one.container.state == "missing":
        return Cause(name, name, "missing", f"{name} has no container", up, restart=False)
    if one.disk is not None and (_is_full(one.disk) or any(sign in answer.message for sign in _FULL)):
        told = f"{name} has no space left: {one.disk.left // 1024} KiB of {one.disk.limit // 1024**2} MiB"
        return Cause(
            name, name, "full", told, "free space on that disk, or give the volume a larger one", restart=False
        )
    if one.container is not None and not one.container.attached:
        return Cause(name, name, "cut off", f"{name} is cut off from one of the stack's networks", up, restart=False)
    if answer.kind == _REFUSED:
        return Cause(name, name, "refused", answer.message, answer.fix, restart=False)
    damaged = answer.message if answer.kind == DAMAGED else damage(name, answer.message)
    if damaged:
        told = f"{name}'s data are damaged: {damaged}"
        return Cause(name, name, "damaged", told, remedy(name, stack, newest), restart=False)
    if one.container is None:
        return Cause(name, name, "failed", answer.message, answer.fix, restart=False)
    fix = f"./karen logs {name} --stack {stack}"
    return Cause(name, name, *_of_container(name, one.container, answer.kind, answer.message), fix, restart=True)


def _is_full(disk: Usage) -> bool:
    return disk.share >= _FULL_SHARE and disk.left < _FULL_LEFT


def _of_container(name: str, container: Container, kind: str, message: str) -> tuple[str, str]:
    if container.state == "paused":
        return "paused", f"{name} is paused"
    if container.state == "restarting":
        return "crashing", f"{name} ends right after it starts (exit code {container.exit_code})"
    if container.state != "running":
        why = ", out of memory" if container.out_of_memory else ""
        return "exited", f"{name} is {container.state} (exit code {container.exit_code}{why})"
    if kind == NO_ANSWER:
        return "hung", f"{name} runs, but does not answer"
    return "failed", message
