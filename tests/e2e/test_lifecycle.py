"""A stack comes up initialized, stays as it is, survives restarts, changes only what it must, and leaves nothing."""

import json
import uuid
from collections.abc import Mapping

import docker
import pytest

from bootstrap import places
from init.resources.data import DIRECTORY as DATA
from init.resources.initialization import checksums
from ops.picture import mermaid, replaced
from tests.e2e import clients
from tests.e2e.live import TEST_PORTS, LiveStack, healthy
from tests.e2e.writers import all_of, redis, writing

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]
SERVICES = ("postgres", "redis", "elasticsearch", "etcd", "minio", "milvus")


def counts(env: Mapping[str, str]) -> dict[str, int]:
    """Count what an application finds in each engine."""
    with clients.postgres(env) as connection:
        tables = connection.execute(
            "SELECT count(*) FROM information_schema.tables WHERE table_schema = 'public'"
        ).fetchone()
        seeds = connection.execute("SELECT count(*) FROM classifier_training_data").fetchone()
    assert tables is not None
    assert seeds is not None
    return {
        "tables": int(tables[0]),
        "seeds": int(seeds[0]),
        "indices": len(clients.elasticsearch(env).indices.get(index="ai_karen_*")),
        "collections": len(clients.milvus(env).list_collections()),
    }


def test_a_slow_engine_keeps_no_other_waiting(stack: LiveStack) -> None:
    """While Elasticsearch stood still, every other engine was initialized."""
    assert stack.initialized_meanwhile == {"postgres", "redis", "minio", "milvus", "duckdb"}


def test_every_engine_is_initialized_to_its_newest_version(stack: LiveStack) -> None:
    outputs = stack.outputs()
    versions = outputs["schema_versions"]
    for service in ("postgres", "duckdb", "elasticsearch", "milvus", "minio"):
        assert versions[service] == max(checksums(service))[:3], service
    assert set(outputs["verification"]) == {*SERVICES, "duckdb"}
    found = counts(stack.variables())
    assert found["tables"] >= 16
    assert found["seeds"] >= 30
    assert found["indices"] >= 2
    assert found["collections"] >= 2


def test_the_shared_ledger_tells_what_is_applied_with_its_checksum(stack: LiveStack) -> None:
    with clients.postgres(stack.variables()) as connection:
        rows = connection.execute("SELECT service, migration_name, checksum FROM migration_history").fetchall()
    told = {(service, name): checksum for service, name, checksum in rows}
    for service in ("postgres", "duckdb", "elasticsearch", "milvus", "minio"):
        for name, checksum in checksums(service).items():
            assert told[(service, name)] == checksum


def test_nothing_changes_when_nothing_changed(stack: LiveStack) -> None:
    stack.pulumi("preview", "--expect-no-changes")
    stack.pulumi("refresh", "--yes", "--expect-no-changes")
    stack.up("--expect-no-changes")


@pytest.mark.parametrize("storage", [False, pytest.param(True, marks=pytest.mark.full)])
def test_nothing_acknowledged_is_lost_when_servers_restart(stack: LiveStack, storage: bool) -> None:
    """Independent clients write meanwhile; what the servers acknowledged is there afterwards.

    With `storage`, what Milvus stands on goes as well, and Milvus has to find it again.
    """
    writers = all_of(stack.variables(), uuid.uuid4().hex)
    engine = docker.from_env()
    try:
        with writing(writers, seconds=3):
            engine.containers.get(stack.container("postgres")).kill()
            for service in ("redis", "elasticsearch", "milvus", *(["etcd"] if storage else [])):
                engine.containers.get(stack.container(service)).restart()
            if storage:
                engine.containers.get(stack.container("minio")).remove(force=True)
            stack.up("--refresh")
            for service in SERVICES:
                healthy(stack.container(service))
    finally:
        engine.close()
    assert {one.name: len(one.acknowledged) > 20 for one in writers} == {one.name: True for one in writers}
    assert {one.name: one.lost() for one in writers} == {one.name: set() for one in writers}
    stack.pulumi("preview", "--expect-no-changes")


def test_the_readme_s_picture_is_the_stack(stack: LiveStack) -> None:
    state = json.loads(stack.pulumi("stack", "export").stdout)
    text = (places.CHECKOUT / "README.md").read_text()
    assert replaced(text, mermaid(state["deployment"]["resources"])) == text


def test_a_changed_setting_changes_only_what_it_must(stack: LiveStack) -> None:
    def identities() -> dict[str, str]:
        engine = docker.from_env()
        try:
            return {service: str(engine.containers.get(stack.container(service)).id) for service in SERVICES}
        finally:
            engine.close()

    before = identities()
    stack.configure(redisEvictionPolicy="allkeys-lru", redisPort="26380")
    stack.up()
    after = identities()
    assert {service for service in SERVICES if before[service] != after[service]} == {"redis"}
    assert clients.redis_client(stack.variables()).config_get("maxmemory-policy") == {"maxmemory-policy": "allkeys-lru"}


def test_what_a_flag_disables_keeps_its_data(stack: LiveStack) -> None:
    run = uuid.uuid4().hex
    writer = redis(stack.variables(), run)
    with writing([writer], seconds=2):
        pass
    assert len(writer.acknowledged) > 20
    stack.configure(enableRedis="false", redisEvictionPolicy=None, redisPort=TEST_PORTS["redisPort"])
    stack.up()
    assert "REDIS_URL" not in stack.variables()
    assert stack.container("redis") not in stack.on_engine()["container"]
    stack.configure(enableRedis=None)
    stack.up()
    assert set(writer.acknowledged) - redis(stack.variables(), run).read() == set()


def test_an_edited_migration_fails_in_the_preview(stack: LiveStack) -> None:
    path = DATA / "postgres" / "003_add_indexes.sql"
    original = path.read_bytes()
    try:
        path.write_bytes(original + b"-- edited\n")
        done = stack.pulumi("preview", check=False)
    finally:
        path.write_bytes(original)
    assert done.returncode != 0
    assert "003_add_indexes" in done.stdout
    assert json.dumps(checksums("postgres")["003_add_indexes"])[1:12] in done.stdout
