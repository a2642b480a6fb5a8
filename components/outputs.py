"""Stack outputs: where every service answers, and the variables an application is given."""

from collections.abc import Mapping
from typing import Any

import pulumi

from components.engine import Engine
from components.settings import Settings

NOT_PUBLISHED = (
    "This stack publishes no port: run the application in a container on its network and use the network form."
)


def endpoints(engines: Mapping[str, Engine], settings: Settings) -> dict[str, Any]:
    """Return per service where it answers in the network and, where published, on this host."""
    found: dict[str, Any] = {}
    for service, engine in engines.items():
        if engine.endpoint is not None:
            found[service] = {"network": engine.endpoint.network, "host": engine.endpoint.host}
    duckdb = engines["duckdb"]
    published = not settings.production
    found["duckdb"] = {
        "network": duckdb.environment("network")["DUCKDB_PATH"],
        "host": duckdb.environment("host")["DUCKDB_PATH"] if published else None,
    }
    return found


def environment(engines: Mapping[str, Engine], form: str, settings: Settings) -> dict[str, pulumi.Input[str]]:
    """Return an application's variables for a form; the host form of a stack that publishes nothing says so instead."""
    if form == "host" and settings.production:
        return {"KAREN_NOT_PUBLISHED": NOT_PUBLISHED}
    variables: dict[str, pulumi.Input[str]] = {}
    for engine in engines.values():
        variables.update(engine.environment(form))
    flags = {
        "ENABLE_MILVUS": settings.enable_milvus,
        "ENABLE_REDIS": settings.enable_redis,
        "ENABLE_ELASTICSEARCH": settings.enable_elasticsearch,
        "ENABLE_MINIO": settings.enable_minio,
        "ENABLE_MONITORING": settings.enable_monitoring,
        "ENABLE_BACKUPS": settings.enable_backups,
    }
    return {**variables, **{name: str(value).lower() for name, value in flags.items()}}
