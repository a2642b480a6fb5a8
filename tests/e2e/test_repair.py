"""What somebody did to the containers and volumes by hand, `make up` repairs; what it cannot, it says."""

import subprocess
import time

import docker
import pytest
from docker.errors import NotFound

from bootstrap import places
from tests.e2e import clients
from tests.e2e.live import LiveStack, healthy
from tests.e2e.writers import postgres, writing

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]


def make_up(stack: LiveStack) -> str:
    """Run `make up` for the stack, as a user does."""
    done = subprocess.run(
        ["make", "up", f"STACK={stack.name}"], cwd=places.CHECKOUT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
    return done.stdout


def test_a_stopped_a_removed_and_an_emptied_service_come_back(stack: LiveStack) -> None:
    env, engine = stack.variables(), docker.from_env()
    writer = postgres(env, f"repair{time.time_ns()}")
    with writing([writer], seconds=1):
        pass
    try:
        engine.containers.get(stack.container("postgres")).stop()
        engine.containers.get(stack.container("elasticsearch")).remove(force=True)
        for kind in ("data", "secrets"):
            engine.containers.get(stack.container("redis")).remove(force=True) if kind == "data" else None
            engine.volumes.get(f"ai-karen-{stack.name}-redis-{kind}").remove()
        engine.containers.get(stack.container("minio")).remove(force=True)
        engine.volumes.get(f"ai-karen-{stack.name}-minio-secrets").remove()
        printed = make_up(stack)
    finally:
        engine.close()
    assert "healthy" in printed
    for service in ("postgres", "elasticsearch", "redis", "minio", "milvus"):
        healthy(stack.container(service))
    assert writer.acknowledged
    assert writer.lost() == set()
    assert clients.redis_client(env).ping()
    assert clients.elasticsearch(env).indices.exists_alias(name="ai_karen_memory")
    stack.pulumi("preview", "--expect-no-changes")
    stack.pulumi("refresh", "--yes", "--expect-no-changes")


def test_a_server_whose_data_volume_was_removed_is_initialized_again(stack: LiveStack) -> None:
    engine = docker.from_env()
    try:
        engine.containers.get(stack.container("postgres")).remove(force=True)
        engine.volumes.get(f"ai-karen-{stack.name}-postgres-data").remove()
        make_up(stack)
    finally:
        engine.close()
    with clients.postgres(stack.variables()) as connection:
        row = connection.execute("SELECT count(*) FROM migration_history").fetchone()
    assert row is not None
    assert row[0] >= 9
    stack.pulumi("preview", "--expect-no-changes")


def test_the_duckdb_file_removed_by_hand_is_made_again(stack: LiveStack) -> None:
    engine = docker.from_env()
    try:
        engine.volumes.get(f"ai-karen-{stack.name}-duckdb-data").remove()
    except NotFound:
        raise AssertionError("the volume was not there") from None
    finally:
        engine.close()
    make_up(stack)
    with clients.duckdb_file(stack.variables()) as connection:
        row = connection.execute("SELECT count(*) FROM profile_history").fetchone()
    assert row is not None
    stack.pulumi("preview", "--expect-no-changes")
