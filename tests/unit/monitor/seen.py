"""Observations, as tests want them."""

from datetime import UTC, datetime, timedelta
from typing import Any

from monitor.model import FAILED, HEALTHY, Answer, Container, Observation

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
WAITS = {"milvus": ["etcd", "minio"]}


def at(seconds: float) -> datetime:
    return BEGIN + timedelta(seconds=seconds)


def well(service: str, **container: Any) -> Observation:
    return Observation(service=service, answer=Answer(status=HEALTHY, latency=0.01), container=_container(container))


def failing(service: str, kind: str = "ConnectionFailed", **container: Any) -> Observation:
    answer = Answer(status=FAILED, kind=kind, message=f"{service}: not reachable", fix="look at its log")
    return Observation(service=service, answer=answer, container=_container(container))


def _container(facts: dict[str, Any]) -> Container:
    return Container(**{"state": "running", "started_at": BEGIN - timedelta(hours=1), **facts})
