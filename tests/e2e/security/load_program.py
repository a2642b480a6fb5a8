"""An application in a container: a thread for each engine connects with the variables of /env/app.env and writes, again and again.

It ends when there is a file /env/stop, and prints what was acknowledged and for how many seconds each engine refused at most;
every try that took more than a second, and the last one of every refusal, are told on the other stream, for whoever looks for
the reason.
"""

import io
import json
import sys
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import psycopg
import redis
import urllib3
from dotenv import dotenv_values
from elasticsearch import Elasticsearch
from minio import Minio
from pymilvus import MilvusClient
from redis.backoff import NoBackoff
from redis.retry import Retry

Variables = Mapping[str, str]
CA = "KAREN_CA_CERTIFICATE"
# Begins the lines that are not of a library.
TOLD = "application: "
PERSONA = {"tenant_id": "rotated", "embedding": [1.0] + [0.0] * 383, "metadata": {}, "timestamp": 1, "version": 1}
PERSONA |= {"persona_type": "default", "is_active": True, "confidence_score": 0.5}


def variables() -> Variables:
    """Return the file's variables."""
    return {name: value or "" for name, value in dotenv_values("/env/app.env").items()}


def into_postgres(env: Variables, number: int) -> None:
    with psycopg.connect(env["DATABASE_URL"], autocommit=True, connect_timeout=5) as one:
        row = "INSERT INTO system_config (config_key, config_value) VALUES (%s, '1') ON CONFLICT DO NOTHING"
        one.execute(row, [f"rotated{number}"])


def into_redis(env: Variables, number: int) -> None:
    with redis.Redis.from_url(env["REDIS_URL"], retry=Retry(NoBackoff(), 0), socket_connect_timeout=5) as one:
        one.set(f"rotated{number}", 1)


def into_elasticsearch(env: Variables, number: int) -> None:
    address = f"{env['ELASTICSEARCH_SCHEME']}://{env['ELASTICSEARCH_HOST']}:{env['ELASTICSEARCH_PORT']}"
    login = (env["ELASTICSEARCH_USER"], env["ELASTICSEARCH_PASSWORD"])
    with Elasticsearch(address, basic_auth=login, max_retries=0, ca_certs=env[CA]) as one:
        one.index(index="ai_karen_documents", id=f"rotated{number}", document={"tenant_id": "rotated"})


def into_milvus(env: Variables, number: int) -> None:
    address = f"https://{env['MILVUS_HOST']}:{env['MILVUS_PORT']}"
    login = {"user": env["MILVUS_USER"], "password": env["MILVUS_PASSWORD"]}
    one = MilvusClient(uri=address, timeout=5, dedicated=True, server_pem_path=env[CA], **login)
    try:
        one.insert("persona_embeddings", [{**PERSONA, "user_id": f"rotated{number}"}], timeout=5)
    finally:
        one.close()


def into_minio(env: Variables, number: int) -> None:
    address = f"{env['MINIO_HOST']}:{env['MINIO_PORT']}"
    # Without it, to connect to the address of a container that is gone takes 63 s and more: until nobody has answered six times.
    timeout = urllib3.Timeout(connect=5, read=30)
    # As docs/accounts.md tells applications to: MinIO that starts or stops may say `Retry-After: 60`, which urllib3 obeys.
    retries = urllib3.Retry(5, backoff_factor=0.2, status_forcelist=[503], respect_retry_after_header=False)
    pool = urllib3.PoolManager(ca_certs=env[CA], timeout=timeout, retries=retries)
    login = (env["MINIO_ACCESS_KEY"], env["MINIO_SECRET_KEY"])
    one = Minio(address, *login, secure=env["MINIO_SECURE"] == "true", region="us-east-1", http_client=pool)
    one.put_object("raw-documents", f"rotated{number}", io.BytesIO(b"1"), 1)


WRITERS = {
    "postgres": into_postgres,
    "redis": into_redis,
    "elasticsearch": into_elasticsearch,
    "milvus": into_milvus,
    "minio": into_minio,
}


def tell(name: str, began: float, what: str) -> None:
    now = time.monotonic()
    if now - began > 1:
        # What it was is at the end of what urllib3 says.
        line = f"{TOLD}{time.time():.1f} {name}: {now - began:.1f} s: {what[:60]} ... {what[-160:]}"
        print(line, file=sys.stderr, flush=True)


def run(name: str, write: Callable[[Variables, int], None], found: dict[str, tuple[list[int], float]]) -> None:
    """Write until told to stop; a refusal lasts from the first try that failed to the next that did not."""
    acknowledged: list[int] = []
    longest, since, number, last = 0.0, 0.0, 0, ""
    while not Path("/env/stop").exists():
        number += 1
        began = time.monotonic()
        try:
            write(variables(), number)
        except Exception as error:  # noqa: BLE001 - whatever it is, an application could not write
            since = since or began
            longest = max(longest, time.monotonic() - since)
            last = f"{type(error).__name__}: {error}"
            tell(name, began, last)
            time.sleep(0.05)
        else:
            tell(name, began, "acknowledged")
            # A client that tries again by itself has been refused for as long as that took.
            longest = max(longest, time.monotonic() - (since or began))
            if since:
                tell(name, since, f"refused until now, at last by {last}")
            since = 0.0
            acknowledged.append(number)
            time.sleep(0.02)
    found[name] = (acknowledged, longest)


def main() -> None:
    """Write to all engines at once."""
    found: dict[str, tuple[list[int], float]] = {}
    threads = [threading.Thread(target=run, args=(name, write, found)) for name, write in WRITERS.items()]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print(json.dumps(found), flush=True)


if __name__ == "__main__":
    main()
