"""Freezing one server while a stack comes up, to see who waits for it."""

import time

import docker
from docker.errors import APIError, NotFound

from bootstrap import state


def initialized(stack: str) -> set[str]:
    """Return the services whose initialization an update has recorded so far, as the state on disk has it."""
    try:
        latest = state.recorded(stack)
    except (OSError, ValueError):
        return set()
    return {
        one["outputs"]["service"]
        for one in latest.get("resources") or ()
        if one["type"].endswith("karen:Initialization") and one.get("outputs", {}).get("run")
    }


def freeze_until(container: str, stack: str, wanted: set[str], *, within: float) -> set[str]:
    """Freeze a container as soon as it runs until the wanted services are initialized; return those that were."""
    engine, deadline = docker.from_env(), time.monotonic() + within
    found: set[str] = set()
    try:
        while time.monotonic() < deadline and not _signal(engine, container, "STOP"):
            time.sleep(0.05)
        while time.monotonic() < deadline and not wanted <= found:
            time.sleep(0.2)
            found = initialized(stack)
    finally:
        _signal(engine, container, "CONT")
        engine.close()
    return found


def _signal(engine: docker.DockerClient, container: str, name: str) -> bool:
    """Signal every process of a container but its first, as its user; a paused container would be unhealthy at once."""
    try:
        code, _ = engine.containers.get(container).exec_run(["sh", "-c", f"kill -{name} -1"])
    except (NotFound, APIError):
        return False
    return bool(code == 0)
