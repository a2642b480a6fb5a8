"""A real Milvus for the tests of its migrations, and what they have in common: texts, rows, and runs as a runner makes them."""

import json
import os
import random
import signal
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any

from pymilvus import MilvusClient

from init.engines.base import Work
from init.engines.milvus import Driver
from init.engines.milvus_collections import objects, survey
from init.migrations import LedgerEntry, Options, Script, checksum
from init.protocol import Failure
from tests.contract.containers import Contract
from tests.contract.servers import SERVERS

Row = dict[str, Any]
KEY: Row = {"name": "id", "type": "INT64", "is_primary": True, "auto_id": False}
TEXT: Row = {"name": "text", "type": "VARCHAR", "max_length": 40}
VECTOR: Row = {"name": "embedding", "type": "FLOAT_VECTOR", "dim": 8}
SCALARS: list[Row] = [
    {"name": "document", "type": "JSON"},
    {"name": "active", "type": "BOOL"},
    {"name": "score", "type": "FLOAT"},
    {"name": "count", "type": "INT32"},
]
INDEX: Row = {
    "field_name": "embedding",
    "index_type": "HNSW",
    "metric_type": "IP",
    "params": {"M": 8, "efConstruction": 32},
}
_PASSWORD = "administrator-1"
# How often the server looks at what is to be loaded or released: a tenth of its defaults, so that a test waits less.
_LOOKS = {f"QUERYCOORD_{name}": "100" for name in ("DISTPULLINTERVAL", "CHECKSEGMENTINTERVAL", "CHECKCHANNELINTERVAL")}
_APPLICATION = ("application", "application-1")


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

    def apart(self) -> "Server":
        """Return it with a driver and a client of its own, for a thread of its own."""
        return replace(self, driver=self.another(), client=_client(self.connection))

    def close(self) -> None:
        """Close driver and client."""
        self.client.close()
        self.driver.close()

    def emptied(self) -> "Server":
        """Return it without any collection, and with a driver that knows of none."""
        for name in self.client.list_collections():
            for alias in self.client.list_aliases(name)["aliases"]:
                self.client.drop_alias(alias)
            self.client.drop_collection(name)
        return replace(self, driver=self.another())

    def as_application(self) -> MilvusClient:
        """Return a client of its own, with the application's rights where there are any."""
        user, password = _APPLICATION if self.connection["authorization"] else ("", "")
        address = f"http://{self.connection['host']}:{self.connection['port']}"
        return MilvusClient(uri=address, user=user, password=password, timeout=10, dedicated=True)


def environment(*, authorization: bool = True) -> dict[str, str]:
    """Return what Milvus is started with: without authorization as in development, or with it."""
    switch = {"COMMON_SECURITY_AUTHORIZATIONENABLED": str(authorization).lower()}
    return {**SERVERS["milvus"].environment, **_LOOKS, **switch}


@contextmanager
def started(name: str, *, authorization: bool, **changes: Any) -> Iterator[Server]:
    """Start Milvus and what it needs; `changes` are to its description."""
    with Contract.session(name) as contract:
        contract.start("milvus", environment=environment(authorization=authorization), **changes)
        with connected(contract, authorization=authorization) as server:
            yield server


@contextmanager
def connected(contract: Contract, *, authorization: bool) -> Iterator[Server]:
    """Connect to the Milvus of a session."""
    connection = {
        "host": contract.address("milvus"),
        "port": 19530,
        "authorization": authorization,
        "user": "root",
        "password": _PASSWORD,
        "app_user": _APPLICATION[0],
        "app_password": _APPLICATION[1],
    }
    driver = Driver()
    # The first connection gives root its password.
    driver.connect(connection)
    server = Server(connection, driver, _client(connection))
    try:
        yield server
    finally:
        server.close()


def _client(connection: Mapping[str, Any]) -> MilvusClient:
    user, password = ("root", _PASSWORD) if connection["authorization"] else ("", "")
    return MilvusClient(uri=f"http://{connection['host']}:19530", user=user, password=password, dedicated=True)


# What is tried with a server, on collections of its own.
Trial = Callable[[Server], None]


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


def schema(server: Server, base: str) -> dict[str, str]:
    """Return the schema of the collections that begin so, whatever becomes of others meanwhile."""
    found = {name: facts for name, facts in survey(server.client).items() if name.startswith(base)}
    return objects(server.client, found)


def target(server: Server, alias: str) -> str:
    return str(server.client.describe_alias(alias)["collection_name"])


def kill_self() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def fails() -> None:
    raise Failure("LockLost", "the lock is gone", "run it again")


def killed_run(connection: str, number: str, text: str, way_back: str, step: str) -> None:
    """Run a script in this process, and kill it at a step."""
    driver = Driver()
    driver.connect(json.loads(connection))
    run(driver, int(number), text, way_back=way_back == "back", at={step: kill_self})
