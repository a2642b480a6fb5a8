"""Waiting for a container's health on the engine's own events: success and failure are both seen as they happen."""

import threading
import time
from collections.abc import Iterator
from typing import Any

import docker
from docker.errors import NotFound

LOG_LINES = 20
_OUT_OF_MEMORY = 137
_FIXES = (
    ("address already in use", "another process holds the port: choose another with pulumi config set"),
    ("no space left", "the disk is full: free space on the engine's disk, then run the command again"),
    ("permission denied", "the data volume belongs to another user: run make up, which gives it back"),
    (
        "password authentication failed",
        "the volume was made with another password: restore the stack's state or reset it",
    ),
    ("incompatible with server", "the volume was made by another major version: use that version or reset the stack"),
    ("outofmemoryerror", "the heap is too small: raise elasticsearchHeap and elasticsearchMemory"),
)


class UnhealthyError(RuntimeError):
    """A container ended, turned unhealthy, or was not healthy in time; the message holds its last log lines."""


def wait_until_healthy(container: str, *, deadline_seconds: float) -> None:
    """Return the moment `container` is healthy; UnhealthyError the moment it fails, or when the deadline passes.

    Failure is an exit, an out-of-memory kill, a restart, or the state unhealthy: `restart: unless-stopped` hides an exit.
    """
    client = docker.from_env(timeout=int(deadline_seconds) + 10)
    stop_at = time.monotonic() + deadline_seconds
    try:
        # Subscribe before the first look, so that nothing happens unseen in between.
        stream = client.api.events(
            filters={"type": "container", "container": container, "event": ["health_status", "die", "oom", "destroy"]},
            decode=True,
        )
        timer = threading.Timer(deadline_seconds, stream.close)
        timer.daemon = True
        timer.start()
        try:
            healthy = _is_healthy(client, container) or _follow(client, container, stream)
        finally:
            timer.cancel()
            stream.close()
        # The stream ends at the deadline, and when the engine restarts.
        if not healthy and not _is_healthy(client, container):
            waited = deadline_seconds - max(0.0, stop_at - time.monotonic())
            raise _failure(client, container, f"was not healthy after {waited:.0f} s")
    finally:
        client.close()


def _is_healthy(client: docker.DockerClient, container: str) -> bool:
    """Look once; UnhealthyError if what is seen is already a failure."""
    try:
        facts = client.api.inspect_container(container)
    except NotFound:
        raise UnhealthyError(f"The container {container} does not exist. Fix: pulumi up --refresh") from None
    state = facts["State"]
    status = (state.get("Health") or {}).get("Status")
    if state["Running"] and status == "healthy":
        return True
    # An ended container counts as unhealthy as well: that it ended says more.
    if state["Restarting"] or facts["RestartCount"] > 0 or not state["Running"]:
        # Of a container that runs again, the engine no longer tells the code.
        again = state["Running"] and not state["Restarting"]
        what = "ended and was restarted" if again else f"ended with code {state['ExitCode']}"
        raise _failure(client, container, what, code=state["ExitCode"], oom=state["OOMKilled"])
    if status == "unhealthy":
        raise _failure(client, container, "is unhealthy")
    return False


def _follow(client: docker.DockerClient, container: str, events: Iterator[dict[str, Any]]) -> bool:
    """Read events until the container is healthy or has failed; False when the stream ends before."""
    for event in events:
        action = str(event.get("Action", ""))
        if action == "health_status: healthy":
            return True
        if action == "health_status: unhealthy":
            raise _failure(client, container, "is unhealthy")
        if action == "oom":
            raise _failure(client, container, "ran out of memory", oom=True)
        if action == "destroy":
            raise UnhealthyError(f"The container {container} was removed while it started. Fix: run the command again")
        if action == "die":
            code = int(event["Actor"]["Attributes"].get("exitCode", -1))
            raise _failure(client, container, f"ended with code {code}", code=code)
    return False


def _failure(
    client: docker.DockerClient, container: str, what: str, *, code: int = 0, oom: bool = False
) -> UnhealthyError:
    """Build the error: what happened, the likely fix, the last log lines and, for a failed check, its output."""
    try:
        log = client.api.logs(container, tail=LOG_LINES).decode(errors="replace").strip()
        facts = client.api.inspect_container(container)
    except NotFound:
        return UnhealthyError(f"The container {container} {what}, and is gone.")
    checks = (facts["State"].get("Health") or {}).get("Log") or []
    last = checks[-1]["Output"].strip() if checks and what == "is unhealthy" else ""
    fix = next((fix for sign, fix in _FIXES if sign in log.lower()), f"read its log with docker logs {container}")
    if oom or facts["State"].get("OOMKilled") or code == _OUT_OF_MEMORY:
        service = container.rsplit("-", 1)[-1]
        fix = f"it was killed, most likely for memory: raise ai-karen-db:{service}Memory"
    check = f"\nIts last health check said: {last}" if last else ""
    return UnhealthyError(
        f"The container {container} {what}. Likely fix: {fix}.{check}\nIts last {LOG_LINES} log lines:\n{log or '(none)'}"
    )
