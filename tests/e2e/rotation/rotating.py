"""What the tests of rotations share: clients that read their file for each connection, and commands that are cut off."""

import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import docker
import psycopg
import redis
from dotenv import dotenv_values
from redis.backoff import NoBackoff
from redis.retry import Retry

from bootstrap import places
from tests.e2e import clients
from tests.e2e.live import LiveStack

STEPS = ("issue:", "server:", "tell:", "commit:", "refuse:")
_REFUSED = (psycopg.OperationalError, redis.RedisError)


def told(file: Path) -> dict[str, str]:
    """Return the variables of a file."""
    return {key: value or "" for key, value in dotenv_values(file).items()}


@dataclass
class Client:
    """An application's client, which reads its file of variables for each connection and writes one record with it."""

    name: str
    file: Path
    write: Callable[[Mapping[str, str], int], None]
    acknowledged: list[int] = field(default_factory=list)
    longest: float = 0.0
    _stop: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        """Write until stopped, and remember for how long it was refused at most."""
        since, number = None, 0
        while not self._stop.is_set():
            number += 1
            env = told(self.file)
            try:
                self.write(env, number)
            except _REFUSED:
                since = since or time.monotonic()
                self.longest = max(self.longest, time.monotonic() - since)
                time.sleep(0.02)
            else:
                since = None
                self.acknowledged.append(number)

    @contextmanager
    def working(self) -> Iterator[None]:
        """Write while the body runs."""
        self._stop.clear()
        thread = threading.Thread(target=self.run, daemon=True)
        thread.start()
        try:
            time.sleep(1)
            yield
            time.sleep(1)
        finally:
            self._stop.set()
            thread.join(timeout=30)


def into_postgres(env: Mapping[str, str], number: int) -> None:
    with clients.postgres(env) as connection:
        connection.execute("INSERT INTO rotated (number) VALUES (%s)", [number])


def into_redis(env: Mapping[str, str], number: int) -> None:
    # Without the client's own patience, which would hide a refusal.
    with redis.Redis.from_url(env["REDIS_URL"], retry=Retry(NoBackoff(), 0)) as client:
        client.set(f"rotated:{number}", number)


def lets_in(env: Mapping[str, str]) -> dict[str, bool]:
    """Return whether each engine lets an application in with its variables."""
    found = {}
    for name, attempt in (
        ("postgres", lambda: clients.postgres(env).close()),
        ("redis", lambda: clients.redis_client(env).ping()),
    ):
        try:
            attempt()
            found[name] = True
        except _REFUSED:
            found[name] = False
    return found


def containers(live: LiveStack) -> dict[str, str]:
    client = docker.from_env()
    try:
        return {one: str(client.containers.get(live.container(one)).id) for one in ("postgres", "redis")}
    finally:
        client.close()


def killed_at(live: LiveStack, file: Path, step: str, *, later: float, after: str = "", form: str = "host") -> None:
    """Begin a rotation, and kill it with all that it started some seconds after a step has begun, which comes after another one."""
    told_to = ["--env-file", str(file), "--from", form]
    command = [str(places.CHECKOUT / "karen"), "rotate", "all", "--yes", *told_to, "--stack", live.name]
    with subprocess.Popen(
        command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True, start_new_session=True
    ) as process:
        assert process.stderr is not None
        for awaited in filter(None, (after, step)):
            assert any(line.startswith(awaited) for line in process.stderr), awaited
        time.sleep(later)
        os.killpg(process.pid, signal.SIGKILL)
