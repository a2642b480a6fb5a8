"""A stack of three engines whose sets lie in a directory, and processes in the toolbox that make them until they are killed."""

import base64
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing.connection import Client, Connection
from pathlib import Path
from typing import Any

import duckdb
from docker.models.containers import Container

from backup.configuration import Configuration
from backup.targets.directory import Directory
from components.images import ROOT, reference
from init.engines.postgres_connection import Connection as Session
from init.engines.postgres_connection import connect
from tests.contract.backup import redis_servers
from tests.contract.backup.killed_program import Order, Run
from tests.contract.containers import SOURCE, Contract
from tests.contract.servers import PASSWORD
from tests.unit.backup.making import RECIPIENT, SEED, STACK

_CODE, _PORT = "/karen", 7000
_START_SECONDS = 20
# The image lets nobody else replicate; a stack's own file does.
_REPLICATION = 'echo "host replication all all scram-sha-256" >> "$PGDATA/pg_hba.conf"'


@dataclass
class Stack:
    """A DuckDB file, a Redis and a PostgreSQL server, each with as many rows as `fill` has made."""

    contract: Contract
    root: Path
    document: dict[str, Any]
    makers: "Connection[Order, Run]"
    postgres: Session
    rows: int = 0

    @property
    def target(self) -> Directory:
        """Return where the sets are."""
        return Directory(self.root / "target")

    @property
    def configuration(self) -> Configuration:
        """Return what the sets are made by."""
        return Configuration.parse(self.document)

    def fill(self) -> None:
        """Add a row, or a key, to each engine."""
        self.rows += 1
        with duckdb.connect(
            self.document["engines"]["duckdb"]["path"], config={"storage_compatibility_version": "v1.0.0"}
        ) as file:
            file.execute("CREATE TABLE IF NOT EXISTS kept (n INTEGER)")
            file.execute("INSERT INTO kept VALUES (?)", [self.rows])
        redis_servers.client(self.document["engines"]["redis"]).set(f"key {self.rows}", self.rows)
        self.postgres.execute("CREATE TABLE IF NOT EXISTS kept (n integer)")
        self.postgres.execute("INSERT INTO kept VALUES (%s)", [self.rows])

    def create(self, *, after: str = "", seconds: float | None = None) -> Run:
        """Have a set made, as the job of `./karen backup create` makes it, killed so many seconds after a line of its log."""
        state = base64.b64encode(b'{"version": 3}' * 1000).decode()
        request = {"step": "create", "configuration": self.document, "state": state}
        self.makers.send(Order(request=request, after=after, seconds=seconds))
        assert self.makers.poll(100)
        return self.makers.recv()

    def files(self) -> set[str]:
        """Return every file and every empty directory of target, staging and DuckDB's directory."""
        found = [path for path in self.root.rglob("*") if not path.is_dir() or not any(path.iterdir())]
        return {str(path.relative_to(self.root)) for path in found}

    def redis_files(self) -> set[str]:
        """Return the names in Redis' volume."""
        output = self.contract.started["redis"].exec_run(["ls", "-A", "/data"]).output
        assert isinstance(output, bytes)
        return set(output.decode().split())

    def sessions(self) -> int:
        """Return how many sessions of backups PostgreSQL has, and replicas Redis."""
        row = self.postgres.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'ai-karen backup' OR backend_type = 'walsender'"
        ).fetchone()
        assert row is not None
        replicas = redis_servers.client(self.document["engines"]["redis"]).info("replication")["connected_slaves"]
        return int(row[0]) + int(replicas)


@contextmanager
def stacked(root: Path) -> Iterator[Stack]:
    """Provide a stack whose files are below a directory."""
    for name in ("target", "staging", "duckdb"):
        (root / name).mkdir()
    with Contract.session("backup-killed") as contract:
        contract.start("postgres")
        contract.start("redis")
        engines = {
            "duckdb": {"path": str(root / "duckdb" / "kari.db"), "lock_seconds": 0.5},
            "redis": {"host": contract.address("redis"), "port": 6379, "username": "default", "password": PASSWORD},
            "postgres": {
                "host": contract.address("postgres"), "port": 5432, "user": "karen", "password": PASSWORD, "database": "karen",
            },
        }  # fmt: skip
        redis_servers.client(engines["redis"]).config_set("repl-diskless-sync-delay", 0)
        assert contract.started["postgres"].exec_run(["sh", "-c", _REPLICATION]).exit_code == 0
        document = {
            "stack": STACK, "engines": engines, "recipient": RECIPIENT, "signing": SEED, "schedule": "0 2 * * *", "keep": "last=2",
            "target": {"kind": "directory", "path": str(root / "target")}, "staging": str(root / "staging"),
        }  # fmt: skip
        with connect(engines["postgres"]) as session, _makers(contract, root) as makers:
            session.execute("ALTER SYSTEM SET fsync = off")
            session.execute("SELECT pg_reload_conf()")
            yield Stack(contract, root, document, makers, session)


@contextmanager
def _makers(contract: Contract, root: Path) -> "Iterator[Connection[Order, Run]]":
    """Start what makes sets; the directory is there under the same path as here."""
    container = contract.client.containers.create(
        reference("toolbox", SOURCE),
        ["-c", f"from tests.contract.backup.killed_program import main; main({_PORT})"],
        entrypoint=["python"],
        init=True,
        user=f"{os.getuid()}:{os.getgid()}",
        cap_drop=["ALL"],
        environment={"PYTHONPATH": _CODE, "PYTHONDONTWRITEBYTECODE": "1"},
        labels=contract.labels,
        network=contract.name,
        mem_limit="512m",
        volumes={str(ROOT): {"bind": _CODE, "mode": "ro"}, str(root): {"bind": str(root)}},
    )
    container.start()
    container.reload()
    address = container.attrs["NetworkSettings"]["Networks"][contract.name]["IPAddress"]
    with _connected(container, address) as found:
        yield found


def _connected(container: Container, address: str) -> "Connection[Order, Run]":
    deadline = time.monotonic() + _START_SECONDS
    while True:
        with suppress(OSError):
            return Client((address, _PORT))
        assert time.monotonic() < deadline, container.logs().decode()
        time.sleep(0.05)
