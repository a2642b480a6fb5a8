"""What the tests of backups put into every engine, and how they look at it: as an application does."""

import io
import json
import os
import subprocess
from collections.abc import Mapping, Sequence
from typing import Any

import docker
from minio import Minio

from bootstrap import places
from components.images import reference
from tests.e2e import clients
from tests.e2e.live import LiveStack

_MARKS = {"tenant_id": "kept", "embedding": [1.0] + [0.0] * 383, "metadata": {"a": [1, {"b": "😀"}]}, "timestamp": 1}
_PERSONA = {**_MARKS, "version": 1, "persona_type": "default", "is_active": True, "confidence_score": 0.5}
_BUCKET = "raw-documents"


def minio(env: Mapping[str, str]) -> Minio:
    """Return a client of the stack's MinIO."""
    address = f"{env['MINIO_HOST']}:{env['MINIO_PORT']}"
    return Minio(address, env["MINIO_ACCESS_KEY"], env["MINIO_SECRET_KEY"], secure=False)


def put(env: Mapping[str, str], name: str) -> None:
    """Put one thing of that name into every engine; in PostgreSQL, Redis and Elasticsearch also into a place of its own."""
    with clients.postgres(env) as postgres:
        postgres.execute("INSERT INTO profiles (user_id) VALUES (%s)", [name])
        postgres.execute(f"CREATE TABLE own_{name} AS SELECT 'NaN'::float8 AS n, '😀'::text AS t")
    clients.redis_client(env).hset(f"own:{name}", mapping={"a": "1", "b": "😀"})
    with clients.elasticsearch(env) as elasticsearch:
        elasticsearch.index(index="ai_karen_memory", id=name, document={"query": name}, refresh=True)
        elasticsearch.index(index=f"own_{name}", id=name, document={"deep": {"er": [1, None]}}, refresh=True)
    milvus = clients.milvus(env)
    milvus.insert("persona_embeddings", [{**_PERSONA, "user_id": name}])
    milvus.close()
    minio(env).put_object(_BUCKET, f"{name}/😀", io.BytesIO(name.encode()), len(name))
    with clients.duckdb_file(env) as duckdb:
        duckdb.execute("INSERT INTO profiles (user_id) VALUES (?)", [name])


def remove(env: Mapping[str, str], names: Sequence[str]) -> None:
    """Remove things of these names again, wherever they are."""
    with clients.postgres(env) as postgres, clients.duckdb_file(env) as duckdb:
        for name in names:
            postgres.execute("DELETE FROM profiles WHERE user_id = %s", [name])
            postgres.execute(f"DROP TABLE IF EXISTS own_{name}")
            duckdb.execute("DELETE FROM profiles WHERE user_id = ?", [name])
    clients.redis_client(env).delete(*(f"own:{name}" for name in names))
    milvus = clients.milvus(env)
    milvus.delete("persona_embeddings", filter=f"user_id in {json.dumps(list(names))}")
    milvus.close()
    with clients.elasticsearch(env) as elasticsearch:
        for name in names:
            elasticsearch.options(ignore_status=404).delete(index="ai_karen_memory", id=name, refresh=True)
            elasticsearch.indices.delete(index=f"own_{name}", ignore_unavailable=True)
            minio(env).remove_object(_BUCKET, f"{name}/😀")


def seen(env: Mapping[str, str], names: Sequence[str]) -> dict[str, list[str]]:
    """Return which of these names each engine has, in whole; what has a half of one fails."""
    with clients.postgres(env) as postgres:
        rows = {row[0] for row in postgres.execute("SELECT user_id FROM profiles").fetchall()}
        tables = {row[0] for row in postgres.execute("SELECT tablename FROM pg_tables").fetchall()}
    redis = clients.redis_client(env)
    with clients.elasticsearch(env) as elasticsearch:
        memories = {one for one in names if elasticsearch.exists(index="ai_karen_memory", id=one)}
        indices = {one for one in names if elasticsearch.indices.exists(index=f"own_{one}")}
    milvus = clients.milvus(env)
    asked = {"output_fields": ["user_id"], "limit": 1000, "consistency_level": "Strong"}
    personas = {row["user_id"] for row in milvus.query("persona_embeddings", filter='tenant_id == "kept"', **asked)}
    milvus.close()
    objects = {str(one.object_name).partition("/")[0] for one in minio(env).list_objects(_BUCKET, recursive=True)}
    with clients.duckdb_file(env) as duckdb:
        profiles = {row[0] for row in duckdb.execute("SELECT user_id FROM profiles").fetchall()}
    assert memories == indices
    assert {one for one in names if f"own_{one}" in tables} == rows & set(names)
    found = {
        "postgres": rows, "redis": {one for one in names if redis.exists(f"own:{one}")}, "elasticsearch": memories,
        "milvus": personas, "minio": objects, "duckdb": profiles,
    }  # fmt: skip
    return {engine: sorted(set(names) & there) for engine, there in found.items()}


def everywhere(names: Sequence[str]) -> dict[str, list[str]]:
    """Return what `seen` does where every engine has these names, and no other."""
    return dict.fromkeys(("postgres", "redis", "elasticsearch", "milvus", "minio", "duckdb"), sorted(names))


def karen(stack: LiveStack, *arguments: str, code: int = 0) -> "subprocess.CompletedProcess[str]":
    """Run a command of a stack to its end."""
    command = [str(places.CHECKOUT / "karen"), *arguments, "--stack", stack.name]
    environment = {**os.environ, "NO_COLOR": "1"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=500)
    assert done.returncode == code, f"{arguments}: {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done


def document(stack: LiveStack, *arguments: str, code: int = 0) -> dict[str, Any]:
    """Return what a command tells as a document."""
    found: dict[str, Any] = json.loads(karen(stack, *arguments, "--json", code=code).stdout)
    return found


def in_volume(stack: LiveStack, volume: str, *command: str) -> str:
    """Run a command with a volume at /v, as root."""
    client = docker.from_env()
    try:
        image = reference("postgres", "build")
        mounted = {f"ai-karen-{stack.name}-{volume}": {"bind": "/v", "mode": "rw"}}
        container = client.containers.create(image, list(command), entrypoint="", user="0:0", volumes=mounted)
        try:
            container.start()
            code, output = container.wait()["StatusCode"], container.logs().decode()
        finally:
            # With the volume that the image declares.
            container.remove(force=True, v=True)
        assert code == 0, output
        return output
    finally:
        client.close()
