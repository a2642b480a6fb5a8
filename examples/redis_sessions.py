"""Sessions and a cache in Redis with plain redis-py: hashes that expire, and an answer that is computed once."""

import json
import os
import uuid

import redis
from dotenv import load_dotenv

SESSION_SECONDS = 1800
CACHE_SECONDS = 60


def connect() -> redis.Redis:
    return redis.Redis(
        host=os.environ["REDIS_HOST"],
        port=int(os.environ["REDIS_PORT"]),
        password=os.environ["REDIS_PASSWORD"],
        ssl=os.environ.get("REDIS_TLS") == "true",
        ssl_ca_certs=os.environ.get("KAREN_CA_CERTIFICATE"),
        decode_responses=True,
    )


def answer(cache: redis.Redis, key: str) -> tuple[dict[str, str], bool]:
    """Return an answer, and whether the cache had it."""
    if (cached := cache.get(key)) is not None:
        return json.loads(cached), True
    computed = {"answer": "On the windowsill."}
    cache.set(key, json.dumps(computed), ex=CACHE_SECONDS)
    return computed, False


def main() -> None:
    load_dotenv()
    session, cached = f"session:{uuid.uuid4().hex}", f"cache:{uuid.uuid4().hex}"
    with connect() as client:
        with client.pipeline(transaction=True) as pipeline:
            pipeline.hset(session, mapping={"user": "ada", "page": "home"})
            pipeline.expire(session, SESSION_SECONDS)
            pipeline.execute()
        ends = client.ttl(session)
        print(f"session: {client.hgetall(session)}, ends by itself: {0 < ends <= SESSION_SECONDS}")
        for _ in range(2):
            found, was_there = answer(client, cached)
            print(f"{found['answer']} {'from the cache' if was_there else 'computed'}")
        print(f"removed {client.delete(session, cached)} keys")


if __name__ == "__main__":
    main()
