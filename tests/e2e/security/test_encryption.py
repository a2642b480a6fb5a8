"""Connections in production: an application verifies with what it is told, and a renewed certificate costs a restart and no data."""

import json
from typing import Any

import pytest

from components.naming import CERTIFICATE_LABEL
from tests.e2e.backups.samples import karen
from tests.e2e.security.conftest import DATABASES, Secured
from tests.e2e.test_production import in_network

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]
# Every client with nothing but the variables, and once more without encryption.
_APPLICATION = """
import json, os
import psycopg, redis, urllib3
from elasticsearch import Elasticsearch
from minio import Minio
from pymilvus import MilvusClient

env = os.environ
ca = env["KAREN_CA_CERTIFICATE"]
found = {}
def attempt(name, call):
    try:
        found[name] = str(call())
    except Exception as error:
        found[name] = f"refused: {type(error).__name__}: {error}"

search = f"{env['ELASTICSEARCH_SCHEME']}://{env['ELASTICSEARCH_HOST']}:{env['ELASTICSEARCH_PORT']}"
login = (env["ELASTICSEARCH_USER"], env["ELASTICSEARCH_PASSWORD"])
vectors = {"uri": f"https://{env['MILVUS_HOST']}:{env['MILVUS_PORT']}", "user": env["MILVUS_USER"],
           "password": env["MILVUS_PASSWORD"], "server_pem_path": ca, "timeout": 10}
storage = (f"{env['MINIO_HOST']}:{env['MINIO_PORT']}", env["MINIO_ACCESS_KEY"], env["MINIO_SECRET_KEY"])
plain = {"host": env["REDIS_HOST"], "password": env["REDIS_PASSWORD"]}
attempt("postgres", lambda: psycopg.connect(env["DATABASE_URL"]).info.dbname)
attempt("postgres plain", lambda: psycopg.connect(env["DATABASE_URL"], sslmode="disable"))
attempt("redis", lambda: redis.Redis.from_url(env["REDIS_URL"]).get("kept") or redis.Redis.from_url(env["REDIS_URL"]).set("kept", 1))
attempt("redis plain", lambda: redis.Redis(**plain).ping())
attempt("elasticsearch", lambda: Elasticsearch(search, basic_auth=login, ca_certs=ca).count(index="ai_karen_documents")["count"] >= 0)
attempt("milvus", lambda: "persona_embeddings" in str(MilvusClient(**vectors).describe_collection("persona_embeddings")["aliases"]))
attempt("minio", lambda: Minio(*storage, http_client=urllib3.PoolManager(ca_certs=ca)).bucket_exists("raw-documents"))
attempt("elasticsearch plain", lambda: Elasticsearch(search.replace("https", "http"), basic_auth=login, max_retries=0).info())
attempt("milvus plain", lambda: MilvusClient(f"http://{env['MILVUS_HOST']}:{env['MILVUS_PORT']}", timeout=3))
attempt("minio plain", lambda: Minio(*storage, secure=False, http_client=urllib3.PoolManager(retries=False)).list_buckets())
print(json.dumps(found))
"""


def asked(secured: Secured) -> dict[str, str]:
    """Return what an application was answered."""
    found: dict[str, str] = json.loads(in_network(secured.live, _APPLICATION).strip().splitlines()[-1])
    return found


def told(secured: Secured, *command: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(karen(secured.live, *command, "--json").stdout)
    return found


def test_an_application_verifies_and_nobody_goes_without(secured: Secured) -> None:
    found = asked(secured)
    refused = {name for name, answer in found.items() if answer.startswith("refused")}
    assert refused == {f"{name} plain" for name in DATABASES if name != "etcd"}
    assert "no encryption" in found["postgres plain"]
    assert {found[name] for name in ("elasticsearch", "milvus", "minio")} == {"True"}


def test_until_when_is_told(secured: Secured) -> None:
    """In days: a year for servers, of which the last month is not reached."""
    services = {"authority", *DATABASES}
    for found in (told(secured, "certificates", "show"), told(secured, "status")):
        assert {one["service"] for one in found["certificates"]} == services
        assert {one["days"] for one in found["certificates"]} == {364, 3649}
    (finding,) = (one for one in told(secured, "doctor")["findings"] if one["check"] == "certificates")
    assert finding["status"] == "ok"


def test_a_renewed_certificate_costs_a_restart_and_no_data(secured: Secured) -> None:
    before = {service: secured.container(service) for service in DATABASES}
    asked(secured)
    done = told(secured, "certificates", "renew", "redis", "--yes")
    assert done["services"] == ["redis"]
    after = {service: secured.container(service) for service in DATABASES}
    assert {service for service in DATABASES if before[service].id != after[service].id} == {"redis"}
    assert before["redis"].labels[CERTIFICATE_LABEL] != after["redis"].labels[CERTIFICATE_LABEL]
    # With the same authority: nobody had to be told.
    found = asked(secured)
    assert (found["redis"], found["redis plain"][:7]) == ("b'1'", "refused")
    secured.live.pulumi("preview", "--expect-no-changes")
