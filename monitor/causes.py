"""Why a service fails, in one sentence, and whether a restart is the remedy. Pure."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

from monitor.model import NO_ANSWER, Container, Observation
from monitor.roots import roots

# A server that cannot write any more: what is left of its disk, as a share of it.
_FULL_SHARE = 0.99
# How the engines say so, who may refuse before the last byte is used.
_FULL = ("No space left on device", "flood-stage watermark", "XMinioStorageFull", "minimum free drive threshold")
_REFUSED = "AuthenticationFailed"
_CERTAIN = ("missing", "full", "cut off", "refused")


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


def causes(observed: Mapping[str, Observation], waits: Mapping[str, Collection[str]], stack: str) -> dict[str, Cause]:
    """Return the cause for every service that fails."""
    failing = {name: one for name, one in observed.items() if not one.answer.good}
    own = {name: _own(one, stack) for name, one in failing.items()}
    return {
        name: own[name] if root == name else _because(name, own[root]) for name, root in roots(failing, waits).items()
    }


def _because(name: str, cause: Cause) -> Cause:
    return replace(cause, service=name, summary=f"{name} fails because of {cause.root}: {cause.summary}")


def _own(one: Observation, stack: str) -> Cause:
    """Return what is wrong with the service itself: the first of these that can be seen explains all later ones."""
    name, answer = one.service, one.answer
    up = f"make up STACK={stack}"
    if one.container is not None and one.container.state == "missing":
        return Cause(name, name, "missing", f"{name} has no container", up, restart=False)
    if one.disk is not None and (one.disk.share >= _FULL_SHARE or any(sign in answer.message for sign in _FULL)):
        told = f"{name} has no space left: {one.disk.left // 1024} KiB of {one.disk.limit // 1024**2} MiB"
        return Cause(
            name, name, "full", told, "free space on that disk, or give the volume a larger one", restart=False
        )
    if one.container is not None and not one.container.attached:
        return Cause(name, name, "cut off", f"{name} is cut off from the stack's network", up, restart=False)
    if answer.kind == _REFUSED:
        return Cause(name, name, "refused", answer.message, answer.fix, restart=False)
    if one.container is None:
        return Cause(name, name, "failed", answer.message, answer.fix, restart=False)
    fix = f"./karen logs {name} --stack {stack}"
    return Cause(name, name, *_of_container(name, one.container, answer.kind, answer.message), fix, restart=True)


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
