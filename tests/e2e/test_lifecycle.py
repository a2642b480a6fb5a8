"""A stack comes up initialized, stays as it is, survives restarts, changes only what it must, and leaves nothing."""

import json
import uuid
from collections.abc import Mapping

import docker
import pytest

from init.resources.initialization import DATA, checksums
from tests.e2e import clients
from tests.e2e.live import LiveStack, healthy

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


def test_every_engine_is_initialized_to_its_newest_version(stack: LiveStack) -> None:
    outputs = stack.outputs()
    versions = outputs["schema_versions"]
    for service in ("postgres", "duckdb", "elasticsearch", "milvus", "minio"):
        assert versions[service] == max(checksums(service))[:3], service
    assert set(outputs["verification"]) == {"postgres", "redis", "elasticsearch", "milvus", "minio", "duckdb"}
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


def test_a_program_from_elsewhere_needs_the_environment_only(stack: LiveStack) -> None:
    env = stack.variables()
    assert clients.redis_client(env).ping()
    assert clients.elasticsearch(env).ping()
    with clients.duckdb_file(env) as connection:
        connection.execute(
            "INSERT INTO profile_history (user_id, timestamp, field, old, new) VALUES ('u', 1.0, 'f', 'a', 'b')"
        )
        row = connection.execute("SELECT count(*) FROM profile_history WHERE id IS NOT NULL").fetchone()
    assert row is not None
    assert row[0] >= 1


def test_data_survives_restarted_and_recreated_containers(stack: LiveStack) -> None:
    env, marker = stack.variables(), uuid.uuid4().hex
    with clients.postgres(env) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS survivors (marker text PRIMARY KEY)")
        connection.execute("INSERT INTO survivors VALUES (%s)", [marker])
    clients.redis_client(env).set("survivor", marker)
    clients.elasticsearch(env).index(
        index="ai_karen_documents", id=marker, document={"tenant_id": marker}, refresh=True
    )
    engine = docker.from_env()
    try:
        # Redis keeps what is older than a second; it may be asked to write now.
        for service in ("postgres", "redis", "elasticsearch", "milvus"):
            engine.containers.get(stack.container(service)).restart()
        engine.containers.get(stack.container("minio")).remove(force=True)
        engine.containers.get(stack.container("postgres")).stop()
    finally:
        engine.close()
    stack.up("--refresh")
    for service in SERVICES:
        healthy(stack.container(service))
    with clients.postgres(env) as connection:
        assert connection.execute("SELECT marker FROM survivors WHERE marker = %s", [marker]).fetchone() == (marker,)
    assert clients.redis_client(env).get("survivor") == marker
    assert clients.elasticsearch(env).exists(index="ai_karen_documents", id=marker)
    stack.pulumi("preview", "--expect-no-changes")


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
    stack.configure(redisEvictionPolicy=None, redisPort="26379")
    stack.up()


def test_what_a_flag_disables_keeps_its_data(stack: LiveStack) -> None:
    env, marker = stack.variables(), uuid.uuid4().hex
    assert clients.redis_client(env).set("flagged", marker)
    stack.configure(enableRedis="false")
    stack.up()
    assert "REDIS_URL" not in stack.variables()
    assert stack.container("redis") not in stack.on_engine()["container"]
    stack.configure(enableRedis=None)
    stack.up()
    assert clients.redis_client(stack.variables()).get("flagged") == marker


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


def test_destroy_leaves_nothing() -> None:
    """Its own small stack: the shared one is still needed."""
    live = LiveStack("test-destroy")
    live.settings |= {"enableElasticsearch": "false", "enableMilvus": "false", "enableMinio": "false"}
    live.settings |= {"postgresPort": "35432", "redisPort": "36379"}
    live.create()
    try:
        live.up()
        directory = live.variables()["DUCKDB_PATH"].rsplit("/", 1)[0]
        live.pulumi("destroy", "--yes", "--skip-preview")
        assert not any(live.on_engine().values())
        from pathlib import Path

        assert not Path(directory).exists()
    finally:
        live.erase()
