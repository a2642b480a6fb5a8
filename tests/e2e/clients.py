"""Plain clients of every engine, built from nothing but the application's environment."""

from collections.abc import Mapping
from typing import Any

import duckdb
import psycopg
import redis
from elasticsearch import Elasticsearch
from pymilvus import MilvusClient


def postgres(env: Mapping[str, str]) -> "psycopg.Connection[Any]":
    return psycopg.connect(env["DATABASE_URL"], connect_timeout=5, autocommit=True)


def redis_client(env: Mapping[str, str]) -> "redis.Redis":
    return redis.Redis.from_url(env["REDIS_URL"], decode_responses=True)


def elasticsearch(env: Mapping[str, str]) -> Elasticsearch:
    url = f"http://{env['ELASTICSEARCH_HOST']}:{env['ELASTICSEARCH_PORT']}"
    return Elasticsearch(url, basic_auth=(env["ELASTICSEARCH_USER"], env["ELASTICSEARCH_PASSWORD"]), request_timeout=20)


def milvus(env: Mapping[str, str]) -> MilvusClient:
    return MilvusClient(uri=f"http://{env['MILVUS_HOST']}:{env['MILVUS_PORT']}", timeout=30)


def duckdb_file(env: Mapping[str, str]) -> "duckdb.DuckDBPyConnection":
    return duckdb.connect(env["DUCKDB_PATH"])
