"""Changes to Milvus' collections lose nothing: against a real server, with writers, cuts and bad input."""

import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any

import grpc
import pytest
from pymilvus import MilvusClient

import init
from init.engines.base import LedgerConflict, Work
from init.engines.milvus import Driver
from init.engines.milvus_changes import Changes
from init.migrations import LedgerEntry, Options, Script, checksum, load
from init.protocol import Failure
from tests.contract.containers import Contract

pytestmark = [pytest.mark.contract, pytest.mark.timeout(300)]
DATA = Path(init.__file__).parent / "data" / "milvus"
KEY = {"name": "id", "type": "INT64", "is_primary": True, "auto_id": False}
TEXT = {"name": "text", "type": "VARCHAR", "max_length": 40}
VECTOR = {"name": "embedding", "type": "FLOAT_VECTOR", "dim": 8}
SCALARS = [
    {"name": "document", "type": "JSON"},
    {"name": "active", "type": "BOOL"},
    {"name": "score", "type": "FLOAT"},
    {"name": "count", "type": "INT32"},
]
INDEX = {"field_name": "embedding", "index_type": "HNSW", "metric_type": "IP", "params": {"M": 8, "efConstruction": 32}}
Row = dict[str, Any]


@dataclass
class Steps(Work):
    """Work that does something at a step: the first word of what is about to be done."""

    entry: LedgerEntry
    resumed: bool = False
    at: Mapping[str, Callable[[], None]] = field(default_factory=dict)
    steps: list[str] = field(default_factory=list)

    def begin(self, step: str) -> None:
        """Remember the step, do what there is to be done at it, and go on."""
        self.steps.append(step.split()[0])
        self.at.get(self.steps[-1], lambda: None)()


@dataclass
class Server:
    """Milvus with a driver of its own, and the way to it."""

    connection: dict[str, Any]
    driver: Driver
    client: MilvusClient

    def another(self) -> Driver:
        """Return a second driver, as another runner has one."""
        driver = Driver()
        driver.connect(self.connection)
        return driver

    def as_application(self) -> MilvusClient:
        """Return a client with the application's rights."""
        address = f"http://{self.connection['host']}:{self.connection['port']}"
        return MilvusClient(uri=address, user="application", password="application-1", timeout=10)


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """Start Milvus, with authorization on as in production, and what it needs."""
    with Contract.session("milvus-changes") as contract:
        container = contract.healthy("milvus")
        container.reload()
        connection = {
            "host": container.attrs["NetworkSettings"]["Networks"][contract.name]["IPAddress"],
            "port": 19530,
            "authorization": True,
            "user": "root",
            "password": "administrator-1",
            "app_user": "application",
            "app_password": "application-1",
        }
        driver = Driver()
        driver.connect(connection)
        client = MilvusClient(uri=f"http://{connection['host']}:19530", user="root", password="administrator-1")
        yield Server(connection, driver, client)
        client.close()
        driver.close()


def body(base: str, version: int, fields: Sequence[Mapping[str, Any]], **changes: Any) -> str:
    """Return a migration's text; a version above the first replaces the one before, unless `replaces` says another."""
    whole = {
        "name": f"{base}_v{version:03}",
        "alias": base,
        "about": base,
        "fields": list(fields),
        "indexes": [INDEX],
        **({"replaces": f"{base}_v{version - 1:03}"} if version > 1 else {}),
        **changes,
    }
    return f"COLLECTION = {whole!r}"


def entry(name: str, text: str, *, way_back: bool = False) -> LedgerEntry:
    state: Any = "reverting" if way_back else "applying"
    return LedgerEntry(name, checksum(text), datetime.now(UTC), applied_by="test", state=state)


def run(
    driver: Driver,
    number: int,
    text: str,
    *,
    way_back: bool = False,
    seconds: float | None = None,
    at: Mapping[str, Callable[[], None]] = MappingProxyType({}),
) -> Steps:
    """Check and execute a script as the runner does, doing something at its steps; return the steps."""
    name = f"{number:03}_test"
    script = Script(f"{name}{'.down' if way_back else ''}.py", text, Options(timeout=seconds))
    work = Steps(entry(name, text, way_back=way_back), at=at)
    driver.check(script)
    driver.execute(script, work)
    return work


def rows(count: int, fields: Sequence[Mapping[str, Any]], *, seed: int = 1) -> list[Row]:
    """Return rows of every kind of value, in no order."""
    chance = random.Random(seed)  # noqa: S311 - not for secrets
    odd = ['a"b', "a'b", "a\\", "a\nb", "\x01", "ключ", "😀", "%s{x}", " ", "~"]
    keys = chance.sample(range(-(1 << 60), 1 << 60), count)
    made: dict[str, Any] = {
        "INT64": lambda number: keys[number],
        "VARCHAR": lambda number: odd[number] if number < len(odd) else f"row {keys[number]}",
        "FLOAT_VECTOR": lambda _: [chance.gauss(0, 1) for _ in range(8)],
        "JSON": lambda number: {"a": [number, 0.1, None, 'ü"'], "b": {"c": True}},
        "BOOL": lambda number: number % 2 == 0,
        "FLOAT": lambda _: chance.random(),
        "INT32": lambda number: number - 100,
    }
    return [{one["name"]: made[one["type"]](number) for one in fields} for number in range(count)]


def fill(server: Server, name: str, values: list[Row]) -> dict[Any, Row]:
    """Insert rows, and return them as the server stores them, by key."""
    for first in range(0, len(values), 1000):
        server.client.insert(name, values[first : first + 1000])
    return contents(server, name)


def contents(server: Server, name: str) -> dict[Any, Row]:
    """Return every row of a collection, by key, asked for in a way of its own: all at once."""
    facts = server.client.describe_collection(name)
    key = next(one["name"] for one in facts["fields"] if one.get("is_primary"))
    server.client.load_collection(name)
    found = server.client.query(name, filter="", output_fields=["*"], limit=16_000, consistency_level="Strong")
    return {row[key]: dict(row) for row in found}


def target(server: Server, alias: str) -> str:
    return str(server.client.describe_alias(alias)["collection_name"])


def kill_self() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def fails() -> None:
    raise Failure("LockLost", "the lock is gone", "run it again")


def test_the_shipped_collections_go_and_come_back_the_same(server: Server) -> None:
    shipped = load(DATA)
    driver, work = server.another(), {one.name: entry(one.name, one.up.body) for one in shipped}
    for one in shipped:
        driver.check(one.up)
        driver.execute(one.up, Work(work[one.name]))
    driver.seed({})
    before = driver.objects()
    assert {key for key in before if key.startswith(("collection ", "alias ", "index "))} == {
        "collection persona_embeddings_v001",
        "alias persona_embeddings",
        "index persona_embeddings_v001.embedding",
        "collection memory_embeddings_v001",
        "alias memory_embeddings",
        "index memory_embeddings_v001.embedding",
    }
    assert before["field persona_embeddings_v001.user_id"] == "VARCHAR, max_length 64, primary key"
    assert before["index memory_embeddings_v001.embedding"] == (
        "M 16, efConstruction 200, index_type HNSW, metric_type IP"
    )
    assert driver.verify() == {"memory_embeddings": 0, "persona_embeddings": 0}
    for _ in range(2):
        for one in reversed(shipped):
            assert one.down is not None
            driver.execute(one.down, Work(work[one.name].changed(state="reverting")))
    assert driver.objects() == {}
    for one in shipped:
        driver.execute(one.up, Work(work[one.name]))
    driver.seed({})
    assert driver.objects() == before
    for one in shipped:
        assert one.down is not None
        driver.execute(one.down, Work(work[one.name].changed(state="reverting")))


@pytest.mark.parametrize(("alias", "key", "count"), [("numbered", KEY, 5000), ("named", {**TEXT, "name": "id"}, 500)])
def test_a_change_by_copy_keeps_every_row_and_the_old_version(
    server: Server, alias: str, key: dict[str, Any], count: int
) -> None:
    first = [key if key is KEY else {**key, "is_primary": True, "auto_id": False}, TEXT, VECTOR, *SCALARS]
    wider = [first[0], {**TEXT, "max_length": 80}, VECTOR, *SCALARS]
    second = [*wider, {"name": "source", "type": "VARCHAR", "max_length": 8, "default": "old"}]
    run(server.driver, 1, body(alias, 1, first))
    before = server.driver.objects()
    stored = fill(server, f"{alias}_v001", rows(count, first))
    assert len(stored) == count
    run(server.driver, 2, body(alias, 2, second))
    after = server.driver.objects()
    assert target(server, alias) == f"{alias}_v002"
    assert contents(server, alias) == {one: {**row, "source": "old"} for one, row in stored.items()}
    assert server.driver.kept() == {f"{alias}_v001": count}
    assert not any(f"{alias}_v001" in name for name in after)
    with pytest.raises(Failure, match=f"{alias}_v002 is no old version; allowed: {alias}_v001"):
        server.driver.drop_kept([f"{alias}_v001", f"{alias}_v002"])

    run(server.driver, 2, body(alias, 1, first, replaces=f"{alias}_v002"), way_back=True)
    assert contents(server, alias) == stored
    assert server.driver.objects() == before
    assert server.driver.kept() == {}
    run(server.driver, 2, body(alias, 2, second))
    assert server.driver.objects() == after
    server.driver.drop_kept([f"{alias}_v001"])
    assert server.driver.kept() == {}
    assert len(contents(server, alias)) == count
    run(server.driver, 1, f'REMOVE = ["{alias}_v001", "{alias}_v002"]', way_back=True)


def test_older_versions_stay_known_when_a_change_is_taken_back(server: Server) -> None:
    fields = [KEY, TEXT, VECTOR]
    names = [f"chain_v{version:03}" for version in (1, 2, 3)]
    for version in (1, 2, 3):
        run(server.driver, version, body("chain", version, fields))
    assert sorted(server.driver.kept()) == names[:2]
    run(server.driver, 3, body("chain", 2, fields, replaces=names[2]), way_back=True)
    assert sorted(server.driver.kept()) == names[:1]
    run(server.driver, 2, body("chain", 1, fields, replaces=names[1]), way_back=True)
    assert server.driver.kept() == {}
    assert target(server, "chain") == names[0]


class Writer(threading.Thread):
    """Somebody who may write at any time: new rows, rows written over, rows deleted. Knows what was acknowledged."""

    def __init__(self, server: Server, alias: str, there: Mapping[int, Row]) -> None:
        super().__init__(daemon=True)
        address = f"http://{server.connection['host']}:19530"
        self._client = MilvusClient(uri=address, user="root", password="administrator-1", dedicated=True)
        self._alias, self.expected = alias, dict(there)
        self._old = iter(sorted(there))
        self.done, self.writes, self.error = threading.Event(), 0, ""

    def run(self) -> None:
        try:
            while not self.done.is_set():
                self._write(self.writes)
                self.writes += 1
        except Exception as error:  # noqa: BLE001 - the test tells it
            self.error = repr(error)
        self._client.close()

    def _write(self, number: int) -> None:
        row: Row = {"id": number, "text": f"late {number}", "embedding": [float(number % 97)] * 8}
        kind = number % 10
        if kind == 0:
            row["id"] = next(self._old)
            self._client.upsert(self._alias, [row])
        elif kind == 5:
            gone = next(self._old)
            self._client.delete(self._alias, ids=[gone])
            del self.expected[gone]
            return
        else:
            self._client.insert(self._alias, [row])
        self.expected[row["id"]] = row


def test_every_acknowledged_write_during_a_change_is_in_the_new_version(server: Server) -> None:
    fields = [KEY, TEXT, VECTOR]
    run(server.driver, 1, body("busy", 1, fields))
    values = rows(3000, fields)
    for number, row in enumerate(values):
        row["id"] = 1_000_000 + number
    writer = Writer(server, "busy", fill(server, "busy_v001", values))
    writer.start()
    try:
        time.sleep(0.5)
        run(server.driver, 2, body("busy", 2, [KEY, {**TEXT, "max_length": 80}, VECTOR]))
        time.sleep(0.5)
    finally:
        writer.done.set()
        writer.join()
    assert not writer.error
    assert writer.writes > 100
    found = contents(server, "busy")
    assert target(server, "busy") == "busy_v002"
    assert {key for key in {*found, *writer.expected} if found.get(key) != writer.expected.get(key)} == set()


def test_the_application_cannot_write_during_a_copy_and_can_read(server: Server) -> None:
    fields = [KEY, TEXT, VECTOR]
    run(server.driver, 1, body("locked", 1, fields))
    fill(server, "locked_v001", rows(10, fields))
    application = server.as_application()
    row, refused, served = rows(1, fields, seed=9), list[str](), list[int]()

    def attempt() -> None:
        served.append(len(application.query("locked", filter="", output_fields=["id"], limit=100)))
        for write in (application.insert, application.upsert):
            with pytest.raises(grpc.RpcError) as caught:
                write("locked", row)
            refused.append(caught.value.details())

    run(server.driver, 2, body("locked", 2, fields), at=dict.fromkeys(["copy", "compare", "switch"], attempt))
    assert len(refused) == 6
    assert all("permission deny to application" in one for one in refused)
    assert served == [10, 10, 10]
    application.insert("locked", row)
    assert len(contents(server, "locked_v002")) == 11

    with pytest.raises(Failure, match="the lock is gone"):
        run(server.driver, 3, body("locked", 3, fields), at={"compare": fails})
    application.insert("locked", rows(1, fields, seed=10))
    with pytest.raises(Failure, match="dimension"):
        run(server.driver, 3, body("locked", 3, [KEY, TEXT, {**VECTOR, "dim": 16}]))
    application.close()


def test_a_change_of_dimension_is_refused_and_the_old_data_are_served(server: Server) -> None:
    fields = [KEY, TEXT, VECTOR]
    run(server.driver, 1, body("flat", 1, fields))
    stored = fill(server, "flat_v001", rows(10, fields))
    before = server.driver.objects()
    with pytest.raises(Failure, match=r"field embedding of flat_v001 has 8 dimensions, not 16") as caught:
        run(server.driver, 2, body("flat", 2, [KEY, TEXT, {**VECTOR, "dim": 16}]))
    assert caught.value.kind == "MigrationFailed"
    assert server.driver.objects() == before
    assert contents(server, "flat") == stored
    assert server.driver.verify()["flat"] == 10


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            body("strict", 2, [KEY, {**TEXT, "max_length": 39}, VECTOR]),
            "takes 40 bytes, not 39; allowed: the same or more",
        ),
        (
            body("strict", 2, [KEY, {**TEXT, "name": "title"}, VECTOR]),
            "field title is not in strict_v001; allowed: with a",
        ),
        (body("strict", 2, [KEY, {"name": "text", "type": "JSON"}, VECTOR]), "is VARCHAR, not JSON"),
        (body("strict", 2, [{**TEXT, "is_primary": True}, VECTOR]), "the primary key of strict_v001 is id"),
        (body("strict", 2, [{**KEY, "auto_id": True}, TEXT, VECTOR]), "is generated"),
        (body("strict", 2, [KEY, VECTOR], replaces="nothing_v001"), "there is no collection nothing_v001"),
        (body("strict", 2, [KEY, VECTOR], alias="elsewhere"), "alias elsewhere points to nothing, not to strict_v001"),
        (body("strict", 1, [KEY, TEXT, VECTOR]), "strict_v001 exists and was not made by this migration"),
        (
            body("strict", 1, [KEY, VECTOR], name="other_v001"),
            "points to strict_v001 already; to change that one, say rep",
        ),
        (body("strict_v001", 1, [KEY, VECTOR]), "alias strict_v001 is the name of a collection"),
        ('REMOVE = ["foreign"]', "REMOVE names foreign, which no migration has made"),
        ("COLLECTION = {}", "'name' is missing; allowed: "),
    ],
)
def test_a_script_that_does_not_fit_is_refused_before_anything_is_written(
    server: Server, text: str, message: str
) -> None:
    if not server.client.has_collection("strict_v001"):
        run(server.driver, 1, body("strict", 1, [KEY, TEXT, VECTOR]))
        server.client.create_collection("foreign", dimension=4)
    before = server.driver.objects()
    with pytest.raises(Failure, match=message) as caught:
        server.driver.check(Script("002_test.py", text))
    assert caught.value.kind == "MigrationFailed"
    assert server.driver.objects() == before


def test_a_collection_that_cannot_be_completed_is_removed_again(server: Server) -> None:
    with pytest.raises(Failure, match="invalid index type") as caught:
        run(server.driver, 1, body("broken", 1, [KEY, VECTOR], indexes=[{**INDEX, "index_type": "NONE_SUCH"}]))
    assert caught.value.kind == "MigrationFailed"
    assert not server.client.has_collection("broken_v001")


def test_a_copy_that_does_not_fit_or_takes_too_long_leaves_everything_as_it_was(server: Server) -> None:
    narrow, wide = [KEY, TEXT, VECTOR], [KEY, {**TEXT, "max_length": 80}, VECTOR]
    run(server.driver, 1, body("narrow", 1, narrow))
    fill(server, "narrow_v001", rows(10, narrow))
    run(server.driver, 2, body("narrow", 2, wide))
    stored = fill(server, "narrow_v002", [{**rows(1, wide, seed=3)[0], "text": "x" * 60}])
    before = server.driver.objects()
    with pytest.raises(Failure, match="exceeds max length") as caught:
        run(server.driver, 2, body("narrow", 1, narrow, replaces="narrow_v002"), way_back=True)
    assert caught.value.kind == "MigrationFailed"
    with pytest.raises(Failure, match=r"not done after 0.001 s .* allowed: a longer timeout") as caught:
        run(server.driver, 3, body("narrow", 3, wide), seconds=0.001)
    assert caught.value.kind == "MigrationFailed"
    assert server.driver.objects() == before
    assert target(server, "narrow") == "narrow_v002"
    assert contents(server, "narrow") == stored


def test_a_kept_version_is_not_taken_for_a_new_one(server: Server) -> None:
    fields = [KEY, VECTOR]
    run(server.driver, 1, body("again", 1, fields))
    run(server.driver, 2, body("again", 2, fields))
    with pytest.raises(Failure, match="collection again_v001 is kept as an old version") as caught:
        run(server.driver, 3, body("again", 1, fields, replaces="again_v002"))
    assert caught.value.fix.startswith("./karen migrate confirm milvus")


@pytest.mark.parametrize("step", ["copy", "compare", "switch"])
def test_a_runner_without_its_lock_leaves_the_alias_alone_and_the_next_one_goes_on(server: Server, step: str) -> None:
    fields, alias = [KEY, VECTOR], f"fenced_{step}"
    run(server.driver, 1, body(alias, 1, fields))
    stored = fill(server, f"{alias}_v001", rows(50, fields))
    with pytest.raises(Failure, match="the lock is gone"):
        run(server.driver, 2, body(alias, 2, fields), at={step: fails})
    assert target(server, alias) == f"{alias}_v001"
    assert contents(server, alias) == stored
    run(server.driver, 2, body(alias, 2, fields))
    assert contents(server, f"{alias}_v002") == stored


STEPS = ("create", "copy", "store", "compare", "switch", "look", "keep")
STEPS_BACK = ("drop", "create", "copy", "store", "compare", "switch", "look", "remove")


def killed_run(connection: str, number: str, text: str, way_back: str, step: str) -> None:
    """Run a script in this process, and kill it at a step."""
    driver = Driver()
    driver.connect(json.loads(connection))
    run(driver, int(number), text, way_back=way_back == "back", at={step: kill_self})


@pytest.mark.parametrize("way_back", [False, True], ids=["there", "back"])
def test_a_run_that_was_killed_at_any_step_is_completed_by_the_next(server: Server, way_back: bool) -> None:
    fields = [KEY, TEXT, VECTOR]
    texts, stored = dict[str, str](), dict[str, dict[Any, Row]]()

    def prepare(step: str) -> None:
        alias = f"cut_{way_back}_{step}".lower()
        driver = server.another()
        run(driver, 1, body(alias, 1, fields))
        stored[step] = fill(server, f"{alias}_v001", rows(200, fields))
        texts[step] = body(alias, 2, fields)
        if way_back:
            run(driver, 2, texts[step])
            texts[step] = body(alias, 1, fields, replaces=f"{alias}_v002")

    def cut(step: str) -> int:
        call = "import sys; from tests.contract.test_milvus_changes import killed_run; killed_run(*sys.argv[1:])"
        direction = "back" if way_back else "there"
        arguments = [json.dumps(server.connection), "2", texts[step], direction, step]
        root = Path(__file__).parents[2]
        done = subprocess.run([sys.executable, "-c", call, *arguments], cwd=root, check=False, capture_output=True)
        return done.returncode

    def complete(step: str) -> None:
        run(server.another(), 2, texts[step], way_back=way_back)

    steps = STEPS_BACK if way_back else STEPS
    with ThreadPoolExecutor(max_workers=len(steps)) as pool:
        list(pool.map(prepare, steps))
        assert list(pool.map(cut, steps)) == [-signal.SIGKILL] * len(steps)
        list(pool.map(complete, steps))
    for step in steps:
        alias = f"cut_{way_back}_{step}".lower()
        assert target(server, alias) == (f"{alias}_v001" if way_back else f"{alias}_v002")
        assert contents(server, alias) == stored[step]
        assert (f"{alias}_v001" in server.driver.kept()) is not way_back
        assert not way_back or not server.client.has_collection(f"{alias}_v002")


def test_a_cut_off_switch_without_authorization_brings_late_rows_over(server: Server) -> None:
    fields = [KEY, TEXT, VECTOR]
    run(server.driver, 1, body("late", 1, fields))
    stored = fill(server, "late_v001", rows(10, fields))
    script, work = Script("002_test.py", body("late", 2, fields)), entry("002_test", body("late", 2, fields))
    with pytest.raises(Failure, match="the lock is gone"):
        Changes(server.client, script, Steps(work, at={"look": fails})).run()
    late = rows(1, fields, seed=5)[0]
    server.client.insert("late_v001", [late])
    Changes(server.client, script, Steps(work)).run()
    assert contents(server, "late").keys() == {*stored, late["id"]}


def test_the_ledger_is_written_by_compare_and_set(server: Server) -> None:
    one, other = server.another(), server.another()
    first, second = entry("001_a", "a"), entry("002_b", "b")
    one.write(first, replacing=None)
    assert other.ledger() == (first,)
    applied = first.changed(state="applied", duration=0.25, step=3)
    one.write(applied, replacing=first)
    with pytest.raises(LedgerConflict):
        other.write(second, replacing=None)
    with pytest.raises(LedgerConflict):
        other.write(first.changed(error="no"), replacing=first)
    assert other.ledger() == (applied,)
    other.write(second, replacing=None)
    for state in ("applied", "reverting"):
        other.write(second.changed(state=state), replacing=other.ledger()[1])
    # Its next number is free again; the ledger is further on.
    with pytest.raises(LedgerConflict):
        one.remove(applied)
    assert one.ledger() == (applied, second.changed(state="reverting"))
    one.remove(second.changed(state="reverting"))
    one.remove(applied)
    assert server.driver.ledger() == ()
    assert len([name for name in server.client.list_collections() if "migrations" in name]) == 1


def test_of_writers_at_once_the_ledger_keeps_what_it_took(server: Server) -> None:
    drivers = [server.another() for _ in range(4)]

    def write(number: int, turn: int) -> LedgerEntry | None:
        mine = entry(f"{number:03}_{turn}", "x")
        try:
            drivers[number].write(mine, replacing=None)
        except LedgerConflict:
            return None
        return mine

    taken: list[LedgerEntry] = []
    with ThreadPoolExecutor(max_workers=len(drivers)) as pool:
        for turn in range(8):
            results = list(pool.map(write, range(len(drivers)), [turn] * len(drivers)))
            taken += [one for one in results if one]
            assert any(results)
    kept = server.another().ledger()
    assert set(kept) == set(taken)
    for one in kept:
        server.driver.ledger()
        server.driver.remove(one)


def test_what_was_dropped_by_hand_is_missing_in_the_schema(server: Server) -> None:
    for alias in ("one", "two", "three"):
        run(server.driver, 1, body(alias, 1, [KEY, VECTOR]))
    server.driver.seed({})
    before = server.driver.objects()
    server.client.release_collection("one_v001")
    server.client.drop_index("one_v001", "embedding")
    server.client.drop_alias("two")
    server.client.drop_collection("three_v001")
    after = server.driver.objects()
    assert set(before) - set(after) == {
        "index one_v001.embedding",
        "alias two",
        "collection three_v001",
        "field three_v001.id",
        "field three_v001.embedding",
        "alias three",
    }
    assert {name: before[name] for name in after} == after
    # The alias of the dropped collection is still there and points to nothing.
    run(server.driver, 1, body("three", 1, [KEY, VECTOR]))
    assert target(server, "three") == "three_v001"
    assert server.driver.objects().keys() == before.keys() - {"index one_v001.embedding", "alias two"}
