"""Servers that stand still while what is on their volumes is read or exchanged."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress

import docker
from docker.errors import APIError, NotFound

from init.resources.gate import wait_until_healthy
from ops.backups.reporting import Reporter

_START_SECONDS = 300
_GRACE_SECONDS = 120


def stop(engine: str, containers: Sequence[str], reporter: Reporter) -> None:
    """Stop an engine's containers in this order; one that does not exist stands still already."""
    if not containers:
        return
    with _client() as client:
        for container in containers:
            reporter.tell(f"{engine}: {_of_several(container, containers)}stops")
            with suppress(NotFound):
                client.api.stop(container, timeout=_GRACE_SECONDS)


def start(engine: str, containers: Sequence[str], reporter: Reporter) -> None:
    """Start them in the other order, each once the one before is healthy; UnhealthyError if one does not become so."""
    if not containers:
        return
    with _client() as client:
        try:
            for container in reversed(containers):
                reporter.tell(f"{engine}: {_of_several(container, containers)}starts")
                # It is named as one that does not exist, with the fix.
                with suppress(NotFound):
                    client.api.start(container)
                wait_until_healthy(container, deadline_seconds=_START_SECONDS)
        except BaseException:
            # Interrupted, or one of them failed: the others run all the same.
            for container in reversed(containers):
                with suppress(APIError):
                    client.api.start(container)
            raise


@contextmanager
def paused(*containers: str) -> Iterator[None]:
    """Keep containers stopped, as the service that makes sets while one is restored; started again however it ends.

    They are started also where they did not run: one that was killed has left them so.
    """
    with _client() as client:
        try:
            for container in containers:
                # A stack without backups has no such container.
                with suppress(NotFound):
                    client.api.stop(container, timeout=_GRACE_SECONDS)
            yield
        finally:
            for container in containers:
                with suppress(NotFound):
                    client.api.start(container)


def _of_several(container: str, containers: Sequence[str]) -> str:
    return f"{container} " if len(containers) > 1 else ""


@contextmanager
def _client() -> Iterator[docker.DockerClient]:
    client = docker.from_env(timeout=_GRACE_SECONDS + _START_SECONDS)
    try:
        yield client
    finally:
        client.close()
