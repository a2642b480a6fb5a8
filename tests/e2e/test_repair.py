"""What somebody did to the containers and volumes by hand, `make up` repairs; what it cannot, it says."""

import subprocess
import time
from pathlib import Path

import docker
import pytest

from bootstrap import places
from init.resources.initialization import checksums
from tests.e2e import clients
from tests.e2e.live import LiveStack, healthy
from tests.e2e.writers import postgres, writing

MIGRATED = ("postgres", "duckdb", "elasticsearch", "milvus", "minio")
pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]


def make_up(stack: LiveStack) -> str:
    """Run `make up` for the stack, as a user does."""
    done = subprocess.run(
        ["make", "up", f"STACK={stack.name}"], cwd=places.CHECKOUT, capture_output=True, text=True, check=False
    )
    # Why an update failed stands between its progress and the stack's outputs.
    reasons = done.stdout.rpartition("Diagnostics:")[2]
    assert done.returncode == 0, reasons[:6000] + done.stderr[-2000:]
    return done.stdout


def test_what_was_stopped_removed_or_emptied_comes_back(stack: LiveStack) -> None:
    """A stopped server, one without its container, and one without container, data and secrets; no write is lost."""
    env, engine = stack.variables(), docker.from_env()
    writer = postgres(env, f"repair{time.time_ns()}")
    with writing([writer], seconds=1):
        pass
    try:
        engine.containers.get(stack.container("postgres")).stop()
        engine.containers.get(stack.container("minio")).remove(force=True)
        engine.containers.get(stack.container("redis")).remove(force=True)
        for purpose in ("data", "secrets"):
            engine.volumes.get(f"ai-karen-{stack.name}-redis-{purpose}").remove()
        printed = make_up(stack)
    finally:
        engine.close()
    assert "healthy" in printed
    assert len(writer.acknowledged) > 10
    assert writer.lost() == set()
    assert clients.redis_client(env).ping()
    for service in ("postgres", "redis", "minio"):
        healthy(stack.container(service))
    stack.pulumi("preview", "--expect-no-changes")
    stack.pulumi("refresh", "--yes", "--expect-no-changes")


def test_data_removed_by_hand_is_initialized_again(stack: LiveStack) -> None:
    engine = docker.from_env()
    try:
        engine.containers.get(stack.container("postgres")).remove(force=True)
        engine.volumes.get(f"ai-karen-{stack.name}-postgres-data").remove()
        engine.volumes.get(f"ai-karen-{stack.name}-duckdb-data").remove()
        Path(stack.variables()["DUCKDB_PATH"]).unlink()
        make_up(stack)
    finally:
        engine.close()
    with clients.postgres(stack.variables()) as connection:
        migrations = connection.execute("SELECT count(*) FROM migration_history").fetchone()
    assert migrations == (sum(len(checksums(service)) for service in MIGRATED),)
    with clients.duckdb_file(stack.variables()) as file:
        assert file.execute("SELECT count(*) FROM profile_history").fetchone() == (0,)
    stack.pulumi("preview", "--expect-no-changes")


def test_a_server_that_ends_at_its_start_fails_the_update_with_its_reason_and_the_next_one_tries_again(
    stack: LiveStack,
) -> None:
    stack.mark_postgres("9.6")
    try:
        failed = stack.up("--refresh", check=False)
        assert failed.returncode != 0
        assert "ended with code 1" in failed.stdout or "ended and was restarted" in failed.stdout
        assert "Likely fix: the volume was made by another major version" in failed.stdout
        assert "database files are incompatible with server" in failed.stdout
    finally:
        stack.mark_postgres("17")
    stack.up("--refresh")
    stack.pulumi("preview", "--expect-no-changes")


@pytest.mark.full
def test_milvus_gets_its_collections_again_when_etcd_is_made_anew(stack: LiveStack) -> None:
    engine = docker.from_env()
    try:
        engine.containers.get(stack.container("etcd")).remove(force=True)
        engine.volumes.get(f"ai-karen-{stack.name}-etcd-data").remove()
        make_up(stack)
    finally:
        engine.close()
    assert clients.milvus(stack.variables()).has_collection("persona_embeddings")
