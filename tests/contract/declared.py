"""Servers as the program declares them for production: their commands, variables, files and health checks, and who connects to them."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from tests.unit.graph import Graph, build

SERVICES = ("postgres", "redis", "elasticsearch", "etcd", "minio", "milvus")


@dataclass(frozen=True)
class Declared:
    """What the contract is to start a server with, and the connection of who initializes it."""

    changes: Mapping[str, Any]
    connection: Mapping[str, Any]


@cache
def declared(service: str) -> Declared:
    """Return a server of a production stack."""
    graph, outputs = _stack()
    inputs = graph.of(":Container")[f"{service}-container"]
    files = graph.of(":SecretFiles")[f"{service}-secret-files"]
    kind, *test = inputs["healthcheck"]["tests"]
    changes: dict[str, Any] = {
        "command": inputs.get("command") or (),
        "entrypoint": inputs.get("entrypoints") or (),
        "environment": dict(one.split("=", 1) for one in inputs.get("envs") or ()),
        "scratch": inputs.get("tmpfs") or {},
        "secrets": _plain(files["files"]),
        "seeds": _plain(files["seeds"]),
        "health": test if kind == "CMD" else ("sh", "-c", *test),
        "aliases": [alias for one in inputs["networksAdvanced"] for alias in one["aliases"]],
        "user": inputs["user"],
    }
    told = outputs["outputs"]["operations"]
    connection = told["verification"]["engines"][service]
    if service == "minio":
        # Milvus' user, which a stack's update makes, is the administrator here.
        (storage,) = (one for one in told["credentials"]["minio"] if one["name"] == "minio-storage")
        changes["secrets"] |= {"minio_user": storage["user"], "minio_password": storage["password"]}
        connection = {**connection, "access_key": storage["user"], "secret_key": storage["password"]}
    return Declared(changes, connection)


@cache
def _stack() -> tuple[Graph, dict[str, Any]]:
    small = {"elasticsearchHeap": "512m", "elasticsearchMemory": "1g"}
    return build("contract", mode="production", imageSource="build", **small)


def _plain(value: Any) -> dict[str, str]:
    """Return a secret without the mark that Pulumi hands it on with."""
    return dict(value.get("value", value))
