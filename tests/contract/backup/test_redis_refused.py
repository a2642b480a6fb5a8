"""What keeps Redis from being backed up is said, with the cause; and memory stays small, whatever a value's size."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import pytest

from backup.engines.redis import PART
from init.engines.base import PATIENCE_SECONDS, set_patience
from init.protocol import Failure
from tests.contract.backup.plain_files import Files, backed_up, task
from tests.contract.backup.redis_servers import Connection, backed, client, emptied

pytestmark = pytest.mark.contract
LIMIT_MEGABYTES = 128
# Run in a process of its own. (Its resource usage would begin with that of this one.)
MEASURED = """
import sys
from pathlib import Path
from backup.engines.redis import PART
from tests.contract.backup.plain_files import backed_up
connection = dict(host=sys.argv[1], port=6379, username="default", password=sys.stdin.read())
_, taken = backed_up(PART, connection, Path(sys.argv[2]))
assert taken.counts["db0"] == 2, taken.counts
facts = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
print(int(facts["VmHWM"].split()[0]) // 1024)
"""


@pytest.fixture(scope="module")
def server() -> Iterator[Connection]:
    with backed() as (_, connection):
        yield connection


@pytest.fixture
def source(server: Connection) -> Iterator[Connection]:
    set_patience(1)
    yield emptied(server)
    set_patience(PATIENCE_SECONDS)


class Interrupted(Files):
    """A sink that has the server end the replication once the first bytes are there."""

    connection: Connection

    @contextmanager
    def file(self, name: str) -> Iterator[IO[bytes]]:
        with super().file(name) as stream:
            yield _Interrupting(stream, self.connection)  # type: ignore[misc]


class _Interrupting:
    def __init__(self, stream: IO[bytes], connection: Connection) -> None:
        self._stream, self._connection = stream, connection

    def write(self, data: bytes) -> None:
        if self._stream.tell() == 0:
            assert client(self._connection).client_kill_filter(_type="replica") == 1
        self._stream.write(data)


@pytest.mark.parametrize("diskless", ["yes", "no"])
def test_a_server_that_ends_in_the_middle_is_a_failure(source: Connection, tmp_path: Path, diskless: str) -> None:
    client(source).config_set("repl-diskless-sync", diskless)
    client(source).set("large", bytes(range(256)) * (200 << 10))
    client(source).config_set("rdbcompression", "no")
    sink = Interrupted(tmp_path)
    sink.connection = source
    try:
        with pytest.raises(Failure, match=r"redis: the (server ended the connection|connection broke)") as failure:
            PART.back_up(source, sink, task(tmp_path))
    finally:
        client(source).config_set("rdbcompression", "yes")
    assert failure.value.kind == "BackupFailed"


def test_a_wrong_password_and_a_user_who_may_not_are_named(source: Connection, tmp_path: Path) -> None:
    with pytest.raises(Failure, match="WRONGPASS") as failure:
        backed_up(PART, {**source, "password": "wrong"}, tmp_path)
    assert failure.value.kind == "AuthenticationFailed"
    client(source).acl_setuser(
        "reader", enabled=True, passwords=["+reader"], keys=["*"], commands=["+@read", "+@connection"]
    )
    try:
        with pytest.raises(Failure, match=r"NOPERM.*replconf") as failure:
            backed_up(PART, {**source, "username": "reader", "password": "reader"}, tmp_path)
    finally:
        client(source).acl_deluser("reader")
    assert failure.value.kind == "AuthenticationFailed"


def test_nobody_at_the_port_is_named(source: Connection, tmp_path: Path) -> None:
    elsewhere: Connection = {**source, "port": 6380}
    with pytest.raises(Failure, match=r"redis: not reachable after \d+ s") as failure:
        backed_up(PART, elsewhere, tmp_path)
    assert failure.value.kind == "ConnectionFailed"


def test_a_save_that_has_begun_is_not_taken_for_this_one(source: Connection, tmp_path: Path) -> None:
    one = client(source)
    one.config_set("rdb-key-save-delay", 20_000)
    one.mset({f"key {number}": number for number in range(100)})
    one.bgsave()
    one.set("after", "the save began")
    one.config_set("rdb-key-save-delay", 0)
    told: list[str] = []
    given = task(tmp_path)
    taken = PART.back_up(source, Files(tmp_path), type(given)(set_id="s", staging=given.staging, progress=told.append))
    assert taken.counts["db0"] == 101
    assert told[0] == "waiting for the server to begin"


def test_a_value_of_a_module_is_named(source: Connection, tmp_path: Path) -> None:
    client(source).vset().vadd("vectors", [0.1, 0.2], "element")
    with pytest.raises(Failure, match="it holds a value of a module") as failure:
        backed_up(PART, source, tmp_path)
    assert failure.value.kind == "BackupFailed"


def measured(connection: dict[str, Any], directory: Path) -> int:
    """Return the most megabytes that a back-up had in memory."""
    process = subprocess.run(
        [sys.executable, "-c", MEASURED, connection["host"], str(directory)],
        input=connection["password"],
        capture_output=True,
        text=True,
        check=True,
    )
    return int(process.stdout)


@pytest.mark.parametrize("megabytes", [24, pytest.param(200, marks=pytest.mark.full)])
@pytest.mark.parametrize("compression", ["yes", "no"])
def test_memory_is_bounded_whatever_the_values(
    source: Connection, tmp_path: Path, megabytes: int, compression: str
) -> None:
    one = client(source)
    # In place: the server has room for it once.
    one.setrange("large", (megabytes << 20) - 1, b"f")
    for place in range(megabytes):
        one.setrange("large", place << 20, b"0123456789abcdef" * (1 << 16))
    for first in range(0, 100_000, 10_000):
        one.hset("wide", mapping={f"field {first + number}": "v" * 20 for number in range(10_000)})
    one.config_set("rdbcompression", compression)
    try:
        assert measured(source, tmp_path) < LIMIT_MEGABYTES
    finally:
        one.config_set("rdbcompression", "yes")
