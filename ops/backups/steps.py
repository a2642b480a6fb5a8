"""The steps of a restore for one engine: load beside the data, exchange, finish, or give up. Each is safe to repeat."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from backup.engines.base import HALF
from init.resources.gate import UnhealthyError
from init.resources.job import JobError
from ops.backups import cold, jobs, recovery_server, standing
from ops.backups.reporting import Reporter
from ops.backups.stack import StackBackups

# Their files are exchanged, for which the server has to be stopped; the others are exchanged by asking the server.
_STOPPED = ("postgres", "redis")
_POSTGRES = "postgres"
_MOUNT = "/volumes/{}"


@dataclass(frozen=True, kw_only=True)
class Steps:
    """One restore into a running stack. `taken` is each engine's part as its manifest has it, `sets` the set it is from.

    `source` opens the target in a job's request, `volumes` is what a job mounts for that, `outside` says that it is a bucket;
    `foreign` says of a user (`uid:gid`) whether that may be closed to it.
    `alone` says that nobody else writes to the stack: then what is there in the end has to be exactly what was taken. With `logins`,
    as in an upgrade of the very server, users may log in as they could.
    """

    into: StackBackups
    reporter: Reporter
    taken: Mapping[str, Mapping[str, Any]]
    sets: Mapping[str, str]
    source: Mapping[str, Any] = field(default_factory=dict, repr=False)
    volumes: Mapping[str, str] = field(default_factory=dict)
    outside: bool = False
    foreign: Callable[[str], bool] = lambda _: False
    until: str | None = None
    mask: str = ""
    alone: bool = False
    logins: bool = False

    def load(self, engine: str, manifest: Mapping[str, Any], identity: str) -> None:
        """Bring a part back beside the engine's data, and compare it; JobError if it is not what was taken.

        Where an exchange was cut off of which there is no note any more, what was there before comes back first.
        """
        self.reporter.tell(f"{engine}: is loaded beside what is there")
        try:
            self._load(engine, manifest, identity)
        except JobError as error:
            if error.kind != HALF:
                raise
            self._mend(engine)
            self._load(engine, manifest, identity)

    def _load(self, engine: str, manifest: Mapping[str, Any], identity: str) -> None:
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
        """Put what was loaded in its place; servers that stand still for it stay so where that fails."""
        standing.stop(engine, self.containers(engine), self.reporter)
        self.ask(engine, "exchange")
        self.start(engine)

    def give_up(self, engine: str) -> bool:
        """Have what was there before the exchange again; False if what was loaded is in its place. Servers may stand still then."""
        standing.stop(engine, self.containers(engine), self.reporter)
        return bool(self.ask(engine, "give_up")["back"])

    def start(self, engine: str) -> None:
        """Start what stands still for an exchange; UnhealthyError if it is not healthy then."""
        standing.start(engine, self.containers(engine), self.reporter)

    def _mend(self, engine: str) -> None:
        self.reporter.tell(f"{engine}: an earlier restore was cut off half-way: what was there before comes back first")
        standing.stop(engine, self.containers(engine), self.reporter)
        self.ask(engine, "give_up", unnoted=True)
        try:
            self.start(engine)
        except UnhealthyError as error:
            # That may be why there is a restore.
            self.reporter.tell(f"{engine}: {error}")

    def containers(self, engine: str) -> list[str]:
        """Return what stands still while an engine's data are exchanged, in the order in which it stops; others need not."""
        if cold.is_cold(self.taken[engine]):
            return [self.into.servers[service].container for service in cold.SERVICES]
        return [self.into.servers[engine].container] if self._by_files(engine) else []

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

    def ask(
        self, engine: str, step: str, *, network: str | None = None, unnoted: bool = False, **request: Any
    ) -> dict[str, Any]:
        """Have a job do a step, as the user and with the volumes that the engine's data need."""
        server = self.into.servers.get(engine)
        copied = cold.is_cold(self.taken[engine])
        own = server if self._by_files(engine) or copied else None
        user, mount = own.user if own else self.into.user, _MOUNT.format(engine)
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
                    "logins": self.logins,
                    "logical": self._logical(engine),
                    "unnoted": unnoted,
                },
                "set": self.sets[engine],
                "taken": dict(self.taken[engine]),
                "staging": "" if own else self.into.configuration["staging"],
                **request,
            },
            self.reporter,
            volumes={**mounted, **self.volumes},
            user=user,
            network=network,
            outside=self.outside,
            # A database's own user is nobody on the target; no other step reads there.
            reads_all=step == "load" and self.foreign(user),
        )

    def _by_files(self, engine: str) -> bool:
        return stands_still(engine, self.taken[engine]) and not cold.is_cold(self.taken[engine])

    def _logical(self, engine: str) -> bool:
        return _logical(engine, self.taken[engine])


def stands_still(engine: str, taken: Mapping[str, Any]) -> bool:
    """Whether the files of an engine are exchanged, its server being stopped; dumps of PostgreSQL are loaded by the running one."""
    return cold.is_cold(taken) or (engine in _STOPPED and not _logical(engine, taken))


def _logical(engine: str, taken: Mapping[str, Any]) -> bool:
    return engine == _POSTGRES and bool(taken["details"].get("logical"))
