"""A second, small stack beside the one that all tests share: what is put into it is another stack's, or its own of before."""

from collections.abc import Iterator

import docker
import pytest

from ops.backups import drills
from tests.e2e.backups.small import Small
from tests.e2e.live import PORTS_BESIDE, SERVICES_OFF, LiveStack

_NAMES = {"postgresUser": "other_user", "postgresDb": "other_db"}
_FILES = {"TARGET": "target", "IDENTITY": "identity", "NEW_TARGET": "new/target", "NEW_IDENTITY": "new-identity"}


@pytest.fixture(scope="package")
def small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Small]:
    """A stack with other names, without Elasticsearch, Milvus and MinIO, that makes sets into a directory."""
    directory = tmp_path_factory.mktemp("small")
    # Closed to the users of PostgreSQL, of Redis, and of a drill's stack.
    (directory / "target").mkdir(mode=0o700)
    live, engine = LiveStack("test-small"), docker.from_env()
    live.settings |= {**SERVICES_OFF, **PORTS_BESIDE, **_NAMES}
    live.settings |= {"enableBackups": "true", "backupTarget": str(directory / "target")}
    live.create()
    try:
        live.up()
        variables = {name: str(directory / file) for name, file in _FILES.items()}
        yield Small(live, engine, {"STACK": live.name, **variables})
    finally:
        engine.close()
        live.erase()
        drills.path(live.name).unlink(missing_ok=True)
