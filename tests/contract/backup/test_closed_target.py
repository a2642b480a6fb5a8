"""A target that only its owner may look into: a job that works as a server's user loads from it all the same."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from backup.engines.redis import PART
from backup.keys import IdentityFile
from backup.writing import SetWriter
from components.images import reference
from ops.backups.reporting import Reporter
from ops.backups.stack import Server, StackBackups
from ops.backups.steps import Steps
from ops.cli.backup.asked import Asked
from ops.cli.backup.choosing import choose
from ops.cli.backup.places import Place, place
from ops.cli.recorded import Recorded
from tests.contract.backup.plain_files import task
from tests.contract.backup.redis_servers import Connection, backed, client
from tests.contract.containers import SOURCE, Contract
from tests.contract.servers import SERVERS
from tests.unit.backup.making import IDENTITY, SIGNER, STACK, directory, nothing, origin

pytestmark = pytest.mark.contract
_INTO = "test-closed"


@pytest.fixture(scope="module")
def server() -> Iterator[tuple[Contract, Connection]]:
    with backed() as both:
        yield both


@pytest.fixture
def closed(server: tuple[Contract, Connection], tmp_path: Path) -> Place:
    """A directory with a set, all of which only this user may read."""
    client(server[1]).set("kept", "yes")
    path = tmp_path / "target"
    with SetWriter(directory(path), origin(), nothing) as writer:
        writer.good("redis", PART.back_up(server[1], writer.sink("redis"), task(tmp_path)))
    for one in (path, *path.rglob("*")):
        one.chmod(0o700 if one.is_dir() else 0o600)
    identity = tmp_path / "dev.identity"
    identity.write_text(IdentityFile.render(STACK, IDENTITY, SIGNER.public))
    return place(STACK, target=str(path), identity=identity)


@pytest.fixture
def into(server: tuple[Contract, Connection]) -> StackBackups:
    """A stack whose Redis is the same, with its volume."""
    contract, redis = server[0], SERVERS["redis"]
    one = Server(
        container=f"{contract.name}-redis", image=reference("redis", SOURCE), volume=f"{contract.name}-redis-data",
        user=redis.user, path=redis.data_path,
    )  # fmt: skip
    return StackBackups(
        stack=_INTO, image=reference("toolbox", SOURCE), network=contract.name, outside="", user="10001:10001",
        volumes={}, configuration={"engines": {"redis": {}}, "staging": ""}, servers={"redis": one}, identity="", public="",
    )  # fmt: skip


def test_a_servers_user_loads_from_it(
    server: tuple[Contract, Connection], closed: Place, into: StackBackups, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Recorded, "read", lambda stack: Recorded(stack, {}, None))
    reporter, redis = Reporter(quiet=True), server[0].started["redis"]
    chosen = choose(into, closed, Asked(stack=STACK, into=_INTO), reporter)
    manifest = chosen.manifests["redis"]
    steps = Steps(
        into=into, reporter=reporter, taken={"redis": manifest["engines"]["redis"]["taken"]},
        sets={"redis": manifest["id"]}, source=closed.request, volumes=closed.volumes, foreign=closed.foreign,
    )  # fmt: skip
    steps.load("redis", manifest, closed.identity)
    # What was loaded is the server's own.
    listed: Any = redis.exec_run(["find", "/data/restoring", "-type", "f", "-printf", "%u %f\n"]).output
    owners = {line.partition(" ")[0] for line in listed.decode().splitlines()}
    assert owners == {"redis"}
    assert b"redis dump.rdb\n" in listed
    steps.discard(["redis"])
    assert redis.exec_run(["test", "-e", "/data/restoring"]).exit_code == 1
