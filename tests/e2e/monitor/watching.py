"""A stack's monitor as tests see it: its samples, its metrics, its alerts; and what can be done to a server."""

import json
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.request import urlopen

import docker
from docker.models.containers import Container
from prometheus_client.parser import text_string_to_metric_families

from ops.maintenance import Maintenance
from ops.operations_volume import OperationsVolume
from tests.e2e.live import LiveStack

METRICS_PORT = 29464
# Below 32768, where the ports of connections begin.
RECEIVER_PORT = 29467


@dataclass
class Receiver:
    """A webhook's other end."""

    notices: list[dict[str, Any]] = field(default_factory=list)

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Take what is posted."""
        notices = self.notices

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                notices.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
                self.send_response(204)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                return

        server = ThreadingHTTPServer(("0.0.0.0", RECEIVER_PORT), Handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield
        finally:
            server.shutdown()
            server.server_close()

    def states(self, key: str) -> list[str]:
        """Return the states that were told of a key, in order."""
        return [one["state"] for one in self.notices if one["key"] == key]

    def summary(self, key: str) -> str:
        """Return what was told last."""
        return str([one["summary"] for one in self.notices if one["key"] == key][-1])


@dataclass
class Watching:
    """One stack under watch."""

    stack: LiveStack
    engine: docker.DockerClient
    receiver: Receiver

    def sample(self) -> dict[str, Any]:
        """Return the last sample; {} before there is one."""
        with OperationsVolume.of(self.stack.name) as volume:
            found = volume.read("monitor/sample.json") if volume is not None else []
        return found[0] if found else {}

    def service(self, name: str) -> dict[str, Any]:
        """Return what the last sample tells of a service."""
        found: dict[str, Any] = self.sample().get("services", {}).get(name, {})
        return found

    def status(self, name: str) -> str:
        """Return its status in the last sample."""
        return str(self.service(name).get("status", "unknown"))

    def metrics(self) -> dict[tuple[str, str], float]:
        """Return every sample of every metric by its name and its service, or other label."""
        with urlopen(f"http://127.0.0.1:{METRICS_PORT}/metrics", timeout=10) as answer:
            text = answer.read().decode()
        return {
            (one.name, next(iter(one.labels.values()), "")): one.value
            for family in text_string_to_metric_families(text)
            for one in family.samples
        }

    def facts(self, service: str) -> dict[str, Any]:
        """Return a container's state as the engine has it."""
        found: dict[str, Any] = self.engine.api.inspect_container(self.stack.container(service))["State"]
        return found

    def container(self, service: str) -> Container:
        """Return a container."""
        return self.engine.containers.get(self.stack.container(service))

    def until(self, true: Callable[[], object], what: str, *, within: float) -> float:
        """Wait until something is so, and return how many seconds that took."""
        began = time.monotonic()
        while time.monotonic() - began < within:
            with suppress(KeyError, OSError):
                if true():
                    return time.monotonic() - began
            time.sleep(0.2)
        told = {name: (one["status"], one["error"]) for name, one in self.sample().get("services", {}).items()}
        raise AssertionError(f"{what} was not so within {within} s; the monitor tells {told}")

    def until_well(self, service: str, *, within: float = 60) -> float:
        """Wait until a service has been seen healthy from now on."""
        begin = time.time()

        def seen() -> bool:
            found = self.sample()
            return found["services"][service]["status"] == "healthy" and _unix(found["at"]) > begin

        return self.until(seen, f"{service} is healthy", within=within)

    @contextmanager
    def leased(self, *services: str) -> Iterator[None]:
        """Hold the maintenance lease, as another process would."""
        with OperationsVolume.of(self.stack.name) as volume:
            assert volume is not None
            lease = Maintenance(volume, "a test", services)
            lease.begin()
            try:
                yield
            finally:
                lease.end()

    def kill(self, service: str) -> None:
        """End a server's process as the kernel does it when memory is short: the container engine starts it again."""
        os.kill(self.facts(service)["Pid"], signal.SIGKILL)

    def worker(self) -> int:
        """Return the process of the monitor's worker on this host, 0 while there is none."""
        top = self.engine.api.top(self.stack.container("monitor"), ps_args="-o pid,args")
        return next((int(pid) for pid, command in top["Processes"] if " work " in f"{command} "), 0)


def _unix(text: str) -> float:
    from datetime import datetime

    return datetime.fromisoformat(text).timestamp()
