"""The steps of a restore for one engine: load beside the data, exchange, finish. Each is safe to repeat."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import docker
from docker.errors import NotFound

from init.resources.gate import wait_until_healthy
from init.resources.job import JobError
from ops.backups import cold, jobs, recovery_server
from ops.backups.reporting import Reporter
from ops.backups.stack import Server, StackBackups

# Their files are exchanged, for which the server has to be stopped; the others are exchanged by asking the server.
STOPPED = ("postgres", "redis")
_POSTGRES = "postgres"
_MOUNT = "/volumes/{}"
_START_SECONDS = 300
_GRACE_SECONDS = 120


@dataclass(frozen=True, kw_only=True)
class Steps:
    """One restore into a running stack. `taken` is each engine's part as its manifest has it, `sets` the set it is from.

    `source` opens the target in a job's request, `volumes` is what a job mounts for that, `outside` a network that leads there.
    `alone` says that nobody else writes to the stack: then what is there in the end has to be exactly what was taken.
    """

    into: StackBackups
    reporter: Reporter
    taken: Mapping[str, Mapping[str, Any]]
    sets: Mapping[str, str]
    source: Mapping[str, Any] = field(default_factory=dict, repr=False)
    volumes: Mapping[str, str] = field(default_factory=dict)
    outside: str = ""
    until: str | None = None
    mask: str = ""
    alone: bool = False

    def load(self, engine: str, manifest: Mapping[str, Any], identity: str) -> None:
        """Bring a part back beside the engine's data, and compare it; JobError if it is not what was taken."""
        self.reporter.tell(f"{engine}: is loaded beside what is there")
        request = {**self.source, "manifest": dict(manifest), "identity": identity}
        if engine != _POSTGRES or self._logical(engine):
            self.ask(engine, "load", **request)
            return
        server = self.into.servers[engine]
        recovery_server.recover(
            recovery_server.Recovery(
                stack=self.into.stack,
                set_id=self.sets[engine],
                image=server.image,
                volume=server.volume,
                user=server.user,
                mount=_MOUNT.format(engine),
                until=self.until is not None,
            ),
            load=lambda: self.ask(engine, "load", **request),
            settle=lambda network: self.ask(engine, "recover", network=network),
            tell=self.reporter.tell,
        )

    def exchange(self, engine: str) -> None:
        """Put what was loaded in its place."""
        if self._by_files(engine):
            with self._stopped(engine):
                self.ask(engine, "exchange")
        elif cold.is_cold(self.taken[engine]):
            with cold.still(self.into, self.reporter):
                self.ask(engine, "exchange")
        else:
            self.ask(engine, "exchange")

    def finish(self, engine: str) -> None:
        """Compare once more, and remove what is not needed any more."""
        self.ask(engine, "finish")

    def discard(self, engines: Sequence[str]) -> None:
        """Remove what loads have left; what cannot be removed now is told, and removed by the next load."""
        for engine in engines:
            try:
                self.ask(engine, "discard")
            except JobError as error:
                self.reporter.tell(f"{engine}: what was loaded beside the data is still there: {error}")

    def ask(self, engine: str, step: str, *, network: str | None = None, **request: Any) -> dict[str, Any]:
        """Have a job do a step, as the user and with the volumes that the engine's data need."""
        server = self.into.servers.get(engine)
        copied = cold.is_cold(self.taken[engine])
        own = server if self._by_files(engine) or copied else None
        mount = _MOUNT.format(engine)
        connection = {**self.into.engines[engine], **({"volume": mount} if own else {})}
        mounted = {mount: own.volume} if own else self.into.volumes
        if copied:
            connection, mounted = {**connection, "volumes": cold.mounts()}, cold.volumes(self.into)
        return jobs.ask(
            self.into,
            step,
            {
                "engine": engine,
                "connection": {
                    **connection,
                    "mask": self.mask if engine == _POSTGRES else "",
                    "until": self.until,
                    "alone": self.alone,
                    "logical": self._logical(engine),
                },
                "set": self.sets[engine],
                "taken": dict(self.taken[engine]),
                "staging": "" if own else self.into.configuration["staging"],
                **request,
            },
            self.reporter,
            volumes={**mounted, **self.volumes},
            user=own.user if own else None,
            network=network,
            outside=self.outside,
        )

    def _by_files(self, engine: str) -> bool:
        """Whether an engine's files are exchanged; dumps of PostgreSQL are loaded by the running server."""
        return engine in STOPPED and not self._logical(engine)

    def _logical(self, engine: str) -> bool:
        return engine == _POSTGRES and bool(self.taken[engine]["details"].get("logical"))

    @contextmanager
    def _stopped(self, engine: str) -> Iterator[None]:
        server: Server = self.into.servers[engine]
        client = docker.from_env(timeout=_GRACE_SECONDS + _START_SECONDS)
        try:
            self.reporter.tell(f"{engine}: stops")
            client.api.stop(server.container, timeout=_GRACE_SECONDS)
            yield
            self.reporter.tell(f"{engine}: starts")
            client.api.start(server.container)
            wait_until_healthy(server.container, deadline_seconds=_START_SECONDS)
        finally:
            client.close()


@contextmanager
def paused(container: str) -> Iterator[None]:
    """Keep a container stopped, as the service that makes sets while one is restored; started again however it ends.

    It is started also where it did not run: one that was killed has left it so.
    """
    client = docker.from_env(timeout=_GRACE_SECONDS)
    try:
        # A stack without backups has no such container.
        with suppress(NotFound):
            client.api.stop(container, timeout=_GRACE_SECONDS)
        yield
    finally:
        with suppress(NotFound):
            client.api.start(container)
        client.close()
