"""Plain clients, without anything of the library: what tells when a server is back."""

from collections.abc import Callable

import psycopg
import pymilvus
from elasticsearch import Elasticsearch
from minio import Minio
from redis import Redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from database import DatabaseSettings
from tests.contract.database.engines import BUCKET, NAME

_SECONDS = 2


def ask(engine: str, settings: DatabaseSettings) -> None:
    """Connect, and read data once; whatever the client raises says that the server is not back."""
    _ASKED[engine](settings)


def _postgres(settings: DatabaseSettings) -> None:
    one = settings.postgres
    with psycopg.connect(
        host=one.host, port=one.port, dbname=one.database, user=one.user, password=_plain(one.password),
        connect_timeout=_SECONDS, options=f"-c statement_timeout={_SECONDS}s",
    ) as connection:  # fmt: skip
        connection.execute(f"SELECT FROM {NAME} WHERE id = 1")


def _redis(settings: DatabaseSettings) -> None:
    one = settings.redis
    with Redis(
        one.host, one.port, password=_plain(one.password), socket_timeout=_SECONDS, retry=Retry(NoBackoff(), 0)
    ) as redis:
        redis.get("key-1")


def _elasticsearch(settings: DatabaseSettings) -> None:
    one = settings.elasticsearch
    login = (str(one.user), _plain(one.password))
    with Elasticsearch(one.address(), basic_auth=login, request_timeout=_SECONDS, max_retries=0) as client:
        client.count(index=NAME)


def _milvus(settings: DatabaseSettings) -> None:
    one = settings.milvus
    client = pymilvus.MilvusClient(
        one.address(), user=one.user, password=_plain(one.password), timeout=_SECONDS, dedicated=True
    )
    try:
        client.query(NAME, filter="id == 1", consistency_level="Strong", timeout=_SECONDS)
    finally:
        client.close()


def _minio(settings: DatabaseSettings) -> None:
    one = settings.minio
    minio = Minio(one.address(), access_key=one.access_key, secret_key=_plain(one.secret_key), secure=False)
    next(iter(minio.list_objects(BUCKET)), None)


def _plain(secret: object) -> str:
    return str(getattr(secret, "get_secret_value", str)())


_ASKED: dict[str, Callable[[DatabaseSettings], None]] = {
    "postgres": _postgres,
    "redis": _redis,
    "elasticsearch": _elasticsearch,
    "milvus": _milvus,
    "minio": _minio,
}
