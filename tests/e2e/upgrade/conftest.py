"""A small production stack whose PostgreSQL is of an older major version than this checkout's."""

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import docker
import pytest

from ops.cli.upgrade import configured
from tests.e2e.live import SERVICES_OFF, SMALL, LiveStack
from tests.e2e.upgrade import recipes

_ROWS = """
    CREATE TABLE kept (number integer PRIMARY KEY, body text);
    INSERT INTO kept SELECT one, md5(one::text) FROM generate_series(1, 20000) AS one;
    CREATE ROLE reporting LOGIN CONNECTION LIMIT 3 PASSWORD 'of-its-own';
    GRANT SELECT ON kept TO reporting"""


@dataclass
class Upgraded:
    """The stack, a session on the engine, and recipes of images by their names; `role` is what somebody logs in with."""

    live: LiveStack
    engine: docker.DockerClient
    recipes: dict[str, Path]
    role: str = field(default="", repr=False)

    def sql(self, statement: str) -> str:
        """Return what PostgreSQL answers its administrator, over its socket."""
        command = ["psql", "-U", "karen_administrator", "-d", "ai_karen", "-Atqc", statement]
        done = self.engine.containers.get(self.live.container("postgres")).exec_run(command)
        assert isinstance(done.output, bytes)
        assert done.exit_code == 0, done.output.decode()
        return done.output.decode().strip()

    def holds_all(self) -> bool:
        """Whether rows and roles are as they were put there."""
        rows = self.sql("SELECT count(*), sum(hashtext(body)::bigint) FROM kept")
        return rows == self.rows and self.sql(ROLE) == self.role

    @property
    def rows(self) -> str:
        return self.sql("SELECT count(*), sum(hashtext(md5(one::text))::bigint) FROM generate_series(1, 20000) AS one")

    def volume(self) -> str:
        """Return the volume that PostgreSQL has its data in."""
        mounts = self.engine.containers.get(self.live.container("postgres")).attrs["Mounts"]
        return str(next(one["Name"] for one in mounts if one["Destination"] == "/var/lib/postgresql/data"))

    def serial(self) -> str:
        """Return which volume the configuration says it is."""
        return str(configured.read(self.live.name, "postgres"))


ROLE = "SELECT rolcanlogin, rolconnlimit, rolpassword FROM pg_authid WHERE rolname = 'reporting'"


@pytest.fixture(scope="module")
def upgraded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Upgraded]:
    directory = tmp_path_factory.mktemp("recipes")
    settings = {**SMALL, **SERVICES_OFF, "mode": "production", "imageSource": "build", "enableRedis": "false"}
    live, engine = LiveStack("test-upgrade", settings), docker.from_env()
    found = Upgraded(
        live, engine, {"older": recipes.older(directory / "older"), "other": recipes.other(directory / "other")}
    )
    for one in found.recipes.values():
        recipes.build(one, live.environment)
    live.create()
    try:
        os.environ["KAREN_IMAGES"] = str(found.recipes["older"])
        live.up()
        found.sql(_ROWS)
        found.role = found.sql(ROLE)
        del os.environ["KAREN_IMAGES"]
        yield found
    finally:
        os.environ.pop("KAREN_IMAGES", None)
        live.erase()
        engine.close()
