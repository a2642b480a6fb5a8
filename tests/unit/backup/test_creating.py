"""Making a set of a real DuckDB file and of an engine that refuses: what one cannot do is told, and is no good set."""

import os
import time
from pathlib import Path
from typing import Any

import pytest

from backup.configuration import Configuration
from backup.creating import create
from backup.model import Manifest
from backup.parts import fetch
from backup.sets import listed, root_of, unfinished
from init.protocol import Failure
from tests.unit.backup.apart import kill_when_told, on_small_disk
from tests.unit.backup.duckdb_samples import holding, place, run
from tests.unit.backup.making import IDENTITY, STACK, TRUST, directory
from tests.unit.backup.test_actions_backup import PASSWORD, configuration, refusing

__all__ = ["refusing"]

_FULL = """
import sys
from pathlib import Path
from backup.configuration import Configuration
from backup.creating import create
from backup.sets import listed, unfinished
from backup.targets.directory import Directory
from init.protocol import Failure
from tests.unit.backup.making import STACK, TRUST
from tests.unit.backup.test_actions_backup import configuration
from tests.unit.backup.duckdb_samples import place, run
import tempfile
root = Path(tempfile.mkdtemp())
(root / "staging").mkdir()
database = place(root / "duckdb")
run(database, "CREATE TABLE kept AS SELECT hash(range) AS a, hash(range + 1) AS b FROM range(200000)")
told = Configuration.parse(configuration(Path(sys.argv[1]), root / "staging", duckdb=database))
try:
    create(told, trigger="manual", progress=lambda _: None)
except Failure as failure:
    print(failure.kind, "make room" in failure.fix)
target = Directory(Path(sys.argv[1]))
print(len(listed(target, STACK, TRUST)), unfinished(target, STACK), list((root / "staging").iterdir()))
"""
_KILLED = """
import sys, time
from pathlib import Path
from backup.configuration import Configuration
from backup.creating import create
from backup.writing import SetWriter
from tests.unit.backup.test_actions_backup import configuration
def stop(*_):
    print("the part is there, its manifest is not", flush=True)
    time.sleep(100)
SetWriter.good = stop
database = {"path": sys.argv[3], "lock_seconds": 0.5}
create(Configuration.parse(configuration(Path(sys.argv[1]), Path(sys.argv[2]), duckdb=database)), trigger="manual", progress=lambda _: None)
"""


class Stack:
    """DuckDB with one table, and whatever other engines a test adds."""

    def __init__(self, root: Path) -> None:
        self.root, self.target = root, directory(root / "target")
        self.staging = root / "staging"
        self.staging.mkdir()
        self.database = place(root / "duckdb")
        run(self.database, "CREATE TABLE kept AS SELECT 1 AS a")
        self.told: list[str] = []

    def create(self, engines: dict[str, Any] | None = None, **options: Any) -> Manifest:
        document = configuration(self.root / "target", self.staging, duckdb=self.database, **(engines or {}))
        return create(Configuration.parse(document), trigger="manual", progress=self.told.append, **options)


@pytest.fixture
def stack(tmp_path: Path) -> Stack:
    return Stack(tmp_path)


def test_what_one_engine_refuses_makes_the_set_incomplete_and_no_other_engine(
    stack: Stack, refusing: dict[str, Any]
) -> None:
    manifest = stack.create({"redis": refusing})
    assert not manifest.good
    assert {name: part.state for name, part in manifest.engines.items()} == {"duckdb": "good", "redis": "incomplete"}
    reason = manifest.engines["redis"].reason
    assert "*** is wrong" in reason
    assert "Fix: " in reason
    assert PASSWORD not in f"{reason}{stack.told}"
    assert manifest.engines["redis"].files == ()
    (entry,) = listed(stack.target, STACK, TRUST)
    assert (entry.good, entry.manifest) == (False, manifest)
    assert [line.partition(": ")[0] for line in stack.told] == ["duckdb"] * 2 + ["redis"] * 2
    assert list(stack.staging.iterdir()) == []


def test_a_file_that_somebody_has_is_no_part_of_a_good_set(stack: Stack) -> None:
    process = holding(stack.database)
    manifest = stack.create()
    process.communicate("")
    assert (manifest.good, manifest.engines["duckdb"].taken) == (False, None)
    assert "in use" in manifest.engines["duckdb"].reason
    assert stack.create().good


def test_some_engines_of_a_stack_are_no_whole_set(stack: Stack) -> None:
    manifest = stack.create({"redis": {}}, only=["duckdb", "duckdb"], label="one")
    assert (manifest.partial, manifest.good, list(manifest.engines)) == (True, True, ["duckdb"])
    (entry,) = listed(stack.target, STACK, TRUST)
    assert not entry.good
    assert not stack.create(only=["duckdb"]).partial


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"only": ["oracle", "redis"]}, "only has oracle, redis; allowed: duckdb"),
        ({"label": "latest"}, "label 'latest'"),
        ({"label": "../x"}, "label '../x'"),
    ],
)
def test_what_cannot_be_is_refused_and_nothing_is_written(stack: Stack, options: dict[str, Any], words: str) -> None:
    with pytest.raises(Failure) as caught:
        stack.create(**options)
    assert (caught.value.kind, words in caught.value.message) == ("BadRequest", True)
    assert [path for path in (stack.root / "target").rglob("*") if path.is_file() and path.name != ".lock"] == []


def test_how_far_the_audit_record_went_is_in_the_manifest(stack: Stack) -> None:
    head = {"record": "ab" * 32, "number": 7, "head": "cd" * 32}
    assert stack.create(audit=head).audit == head
    (entry,) = listed(stack.target, STACK, TRUST)
    assert entry.manifest is not None
    assert entry.manifest.audit == head
    # A PostgreSQL that does not tell keeps nobody from making one.
    silent = {"host": "127.0.0.1", "port": 1, "user": "a", "password": "b", "database": "c"}
    assert stack.create({"postgres": silent}, only=["duckdb"]).audit is None


def test_the_record_of_the_stack_is_in_the_set_encrypted(stack: Stack) -> None:
    manifest = stack.create(state=b'{"secret": "of pulumi"}')
    assert manifest.state is not None
    with fetch(stack.target, root_of(STACK, manifest.id), manifest.state, IDENTITY) as stream:
        assert stream.read() == b'{"secret": "of pulumi"}'
    for path in (stack.root / "target").rglob("*"):
        assert not path.is_file() or b"of pulumi" not in path.read_bytes()


def test_a_full_target_leaves_nothing_behind(tmp_path: Path) -> None:
    assert on_small_disk(_FULL, tmp_path, "1m").splitlines() == ["TargetFull True", "0 [] []"]


def test_a_killed_one_is_no_set_and_is_swept_by_the_next(stack: Stack) -> None:
    arguments = (str(stack.root / "target"), str(stack.staging), stack.database["path"])
    kill_when_told(_KILLED, *arguments)
    assert listed(stack.target, STACK, TRUST) == []
    (left,) = unfinished(stack.target, STACK)
    manifest = stack.create()
    assert manifest.good
    assert left != manifest.id
    assert unfinished(stack.target, STACK) == []
    assert [entry.id for entry in listed(stack.target, STACK, TRUST)] == [manifest.id]


def test_a_staging_directory_that_is_gone_is_the_engines_trouble(stack: Stack) -> None:
    stack.staging.rmdir()
    manifest = stack.create()
    assert manifest.engines["duckdb"].state == "incomplete"
    assert "FileNotFoundError" in manifest.engines["duckdb"].reason


def test_its_times_are_around_it(stack: Stack) -> None:
    before = time.time()
    manifest = stack.create()
    assert before <= manifest.began <= manifest.ended <= time.time()
    assert os.path.isdir(stack.root / "target" / root_of(STACK, manifest.id))
