"""Made-up resources that keep to every rule, to be broken one way at a time; and a declared stack as rules see it."""

from typing import Any

from components.naming import CERTIFICATE_LABEL
from policy.graph import (
    BYTES,
    CONTAINER,
    IMAGE,
    INITIALIZATION,
    NETWORK,
    PASSWORD,
    PROCESS_LIMIT,
    SECRET_FILES,
    VOLUME,
    Graph,
    Resource,
    marked,
)
from tests.unit import graph as recorded

LABELS = {"com.ai-karen.project": "ai-karen-db", "com.ai-karen.stack": "prod", "com.ai-karen.service": "redis"}
_LABELS = [{"label": key, "value": value} for key, value in LABELS.items()]
# How Pulumi marks a secret that it hands on.
SECRET = {"4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270"}
GOOD: dict[str, dict[str, Any]] = {
    CONTAINER: {
        "name": "ai-karen-prod-redis",
        "image": "sha256:1",
        "user": "999:999",
        "memory": 64,
        "memorySwap": 64,
        "cpus": "1.0",
        "ulimits": [{"name": "nofile", "soft": 1024, "hard": 1024}],
        "healthcheck": {
            "tests": ["CMD", "ping"],
            "interval": "2s",
            "timeout": "5s",
            "startPeriod": "1m0s",
            "retries": 5,
        },
        "restart": "unless-stopped",
        "logDriver": "json-file",
        "logOpts": {"max-size": "10m", "max-file": "3"},
        "capabilities": {"drops": ["ALL"]},
        "securityOpts": ["no-new-privileges:true"],
        "readOnly": True,
        "networkMode": "bridge",
        "networksAdvanced": [{"name": "ai-karen-db-prod", "aliases": ["redis"]}],
        "dns": ["127.0.0.1"],
        "ports": [],
        "envs": ["REDIS_PASSWORD_FILE=/run/secrets/redis_password"],
        "labels": [*_LABELS, {"label": CERTIFICATE_LABEL, "value": "0123456789ab"}],
        "volumes": [
            {"volumeName": "data", "containerPath": "/data"},
            {"volumeName": "secrets", "containerPath": "/run/secrets", "readOnly": True},
        ],
    },
    IMAGE: {"name": f"docker.elastic.co/redis/redis:8.0.2@sha256:{64 * 'a'}"},
    NETWORK: {"name": "ai-karen-db-prod", "internal": True, "labels": _LABELS},
    VOLUME: {"name": "data", "labels": _LABELS},
    PASSWORD: {"length": 32, "keepers": {"serial": "1"}},
    BYTES: {"length": 32, "keepers": {"serial": "1"}},
    PROCESS_LIMIT: {"service": "redis", "limit": 128},
    SECRET_FILES: {"service": "redis", "files": {**SECRET, "value": {"redis_password": "fJ2-a9Kd"}}},
    INITIALIZATION: {"service": "redis", "connection": {**SECRET, "value": {"host": "redis", "password": "fJ2-a9Kd"}}},
}
NAMES = {VOLUME: "redis-data", CONTAINER: "redis-container"}


def resource(kind: str, *, protected: bool = True, **changes: Any) -> Resource:
    """Return a good resource with some inputs otherwise; None takes one away."""
    inputs = {key: value for key, value in {**GOOD[kind], **changes}.items() if value is not None}
    return Resource(type=kind, name=NAMES.get(kind, "one"), declared=marked(inputs), protected=protected)


def around(one: Resource, *, production: bool = True) -> Graph:
    """Return the graph of a resource with everything that it needs."""
    secrets = Resource(
        type=VOLUME, name="redis-secrets", declared={"name": "secrets", "labels": _LABELS}, protected=True
    )
    others = [resource(kind) for kind in GOOD if kind != one.type]
    return Graph(production=production, resources=[*others, secrets, one])


def declared(stack: str, **settings: str) -> Graph:
    """Return what the program declares for a stack with these settings."""
    found, _ = recorded.build(stack, **settings)
    return Graph(
        production=settings.get("mode") == "production",
        resources=[
            Resource(type=one.typ, name=one.name, declared=marked(one.inputs), protected=one.name in found.protected)
            for one in found.registered
        ],
    )
