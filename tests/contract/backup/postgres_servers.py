"""Two PostgreSQL servers of unlike stacks, and jobs in the toolbox's image with the code of this checkout."""

import io
import json
import tarfile
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from docker.errors import NotFound
from docker.models.containers import Container

from backup.model import Taken
from components.images import ROOT, reference
from init.engines.postgres_connection import Connection, connect
from ops.backups import recovery_server
from tests.contract.containers import SOURCE, Contract
from tests.contract.servers import PASSWORD

_CODE = "/karen"
_DATA = "/var/lib/postgresql/data"
_HBA = "local all all trust\nhost all all all scram-sha-256\nhost replication all all scram-sha-256\n"
_START_SECONDS = 60
MOUNT, FILES = "/volumes/postgres", "/files"
USER = "999:999"


@dataclass
class Servers:
    """One session: servers by name, each with its volume and its connection."""

    contract: Contract
    connections: dict[str, dict[str, Any]] = field(default_factory=dict)
    containers: dict[str, Container] = field(default_factory=dict)
    jobs: dict[str, Container] = field(default_factory=dict)

    def volume(self, name: str) -> str:
        """Return a server's volume."""
        return f"{self.contract.name}-{name}"

    def start(self, name: str, user: str, password: str, database: str) -> None:
        """Start a server on an empty volume, as its component does."""
        client = self.contract.client
        # One that a killed session has left without its label would hold a database already.
        with suppress(NotFound):
            client.volumes.get(self.volume(name)).remove(force=True)
        client.volumes.create(self.volume(name), labels=self.contract.labels)
        options = {"hba_file": f"{_CODE}/pg_hba.conf", "fsync": "off"}
        server = client.containers.create(
            reference("postgres", SOURCE),
            ["postgres", *(part for key, value in options.items() for part in ("-c", f"{key}={value}"))],
            name=self.volume(name),
            user=USER,
            cap_drop=["ALL"],
            environment={
                "POSTGRES_USER": user,
                "POSTGRES_DB": database,
                "POSTGRES_PASSWORD": password,
                "POSTGRES_INITDB_ARGS": "--auth-host=scram-sha-256 --data-checksums",
                "PGDATA": f"{_DATA}/pgdata",
            },
            stop_signal="SIGINT",
            labels=self.contract.labels,
            network=self.contract.name,
            volumes={self.volume(name): {"bind": _DATA, "mode": "rw"}},
        )
        server.put_archive("/", _packed({f"{_CODE}/pg_hba.conf": _HBA.encode()}))
        server.start()
        self.containers[name] = server
        self.connections[name] = {"port": 5432, "user": user, "password": password, "database": database}
        self.connections[name]["host"] = self._wait(name)
        self.jobs[name] = self._job(name, self.contract.name)

    def _wait(self, name: str) -> str:
        server, deadline = self.containers[name], time.monotonic() + _START_SECONDS
        while server.exec_run(["pg_isready", "-q", "-h", "127.0.0.1"]).exit_code:
            assert time.monotonic() < deadline, server.logs(tail=20).decode()
            time.sleep(0.1)
        server.reload()
        return str(server.attrs["NetworkSettings"]["Networks"][self.contract.name]["IPAddress"])

    def session(self, name: str, **other: Any) -> Connection:
        """Connect from this machine."""
        return connect({**self.connections[name], **other})

    def begin(self, name: str, step: str, job: Container, **connection: Any) -> None:
        """Begin a step in a job, and leave it there."""
        job.exec_run(
            self._command(name, step, job, {"connection": connection, "files": f"{FILES}/unfinished"}), detach=True
        )

    def do(self, name: str, step: str, *, job: Container | None = None, **request: Any) -> Any:
        """Do a step in a job beside a server; AssertionError if it crashes."""
        worker = job or self.jobs[name]
        answer: Any = worker.exec_run(self._command(name, step, worker, request), demux=True)
        code, output = answer
        assert code == 0, (output[1] or b"").decode()[-3000:]
        return json.loads(output[0])

    def _command(self, name: str, step: str, job: Container, request: dict[str, Any]) -> list[str]:
        connection = {**self.connections[name], "volume": MOUNT, **request.pop("connection", {})}
        document = {"step": step, "connection": connection, "set": "Set-1", "files": FILES, **request}
        path = f"/tmp/{time.monotonic_ns()}.json"
        job.put_archive("/", _packed({path: json.dumps(document).encode()}))
        return ["python", f"{_CODE}/tests/contract/backup/postgres_program.py", path]

    def back_up(self, name: str, files: str, **request: Any) -> Taken:
        """Back a server up into a directory of the jobs' volume."""
        return Taken(**good(self.do(name, "back_up", files=f"{FILES}/{files}", **request)))

    def sh(self, name: str, command: str) -> str:
        """Run a shell command in the job beside a server; AssertionError if it fails."""
        code, output = self.jobs[name].exec_run(["sh", "-c", command])
        assert isinstance(output, bytes)
        assert code == 0, output
        return output.decode()

    def restore(self, name: str, files: str, taken: Taken, **connection: Any) -> list[str]:
        """Restore into a server, as the host does; return what was told on the way."""
        request: dict[str, Any] = {"taken": taken.__dict__, "connection": connection}
        told = self.load(name, files, taken, **connection)
        self.containers[name].stop(timeout=60)
        told.extend(good(self.do(name, "exchange", **request))["lines"])
        self.again(name)
        told.extend(good(self.do(name, "finish", **request))["lines"])
        return told

    def again(self, name: str) -> None:
        """Start a server that was stopped."""
        self.containers[name].start()
        self.connections[name]["host"] = self._wait(name)

    def load(self, name: str, files: str, taken: Taken, **connection: Any) -> list[str]:
        """Load and recover beside a server's data; return what was told on the way."""
        told: list[str] = []
        request: dict[str, Any] = {"taken": taken.__dict__, "files": f"{FILES}/{files}", "connection": connection}

        def settle(network: str) -> None:
            with self.job_in(name, network) as job:
                told.extend(good(self.do(name, "recover", job=job, **request))["lines"])

        recovery_server.recover(
            recovery_server.Recovery(
                stack=self.volume(name),
                set_id="Set-1",
                image=reference("postgres", SOURCE),
                volume=self.volume(name),
                until=bool(connection.get("until")),
            ),
            load=lambda: good(self.do(name, "load", **request)),
            settle=settle,
            tell=lambda line: told.append(str(line)),
        )
        return told

    @contextmanager
    def job_in(self, name: str, network: str) -> Iterator[Container]:
        """Provide a job in another container's network."""
        job = self._job(name, network)
        try:
            yield job
        finally:
            job.remove(force=True, v=True)

    def _job(self, name: str, network: str) -> Container:
        job = self.contract.client.containers.create(
            reference("toolbox", SOURCE),
            ["600"],
            entrypoint=["sleep"],
            user=USER,
            cap_drop=["ALL"],
            environment={"PYTHONPATH": _CODE},
            labels=self.contract.labels,
            network_mode=network,
            mem_limit="256m",
            volumes={
                self.volume(name): {"bind": MOUNT, "mode": "rw"},
                self.volume("files"): {"bind": FILES, "mode": "rw"},
            },
        )
        job.put_archive("/", _packed(_code()))
        job.start()
        return job


@contextmanager
def two_servers(session: str = "backup-postgres") -> Iterator[Servers]:
    """Provide a source and a target whose names and passwords are unlike."""
    with Contract.session(session) as contract:
        servers = Servers(contract)
        files = contract.client.volumes.create(servers.volume("files"), labels=contract.labels)
        contract.client.containers.run(
            reference("toolbox", SOURCE),
            [USER, FILES],
            entrypoint=["chown"],
            user="0:0",
            labels=contract.labels,
            volumes={files.name: {"bind": FILES, "mode": "rw"}},
        )
        described = (("source", "karen", PASSWORD, "karen"), ("target", "dev", "another:pass\\word", "app"))
        with ThreadPoolExecutor() as pool:
            list(pool.map(lambda one: servers.start(*one), described))
        yield servers


def good(answer: Any) -> Any:
    """Return an answer; AssertionError if it is a failure."""
    assert "failure" not in answer, answer
    return answer


def _code() -> Mapping[str, bytes]:
    paths = [path for name in ("backup", "init") for path in (ROOT / name).rglob("*.py")]
    paths += [Path(__file__).with_name(f"{name}.py") for name in ("postgres_program", "plain_files")]
    return {f"{_CODE}/{path.relative_to(ROOT)}": path.read_bytes() for path in paths}


def _packed(files: Mapping[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for path, content in files.items():
            entry = tarfile.TarInfo(path.lstrip("/"))
            entry.uid = entry.gid = 999
            entry.size, entry.mode = len(content), 0o600
            archive.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()
