"""Health in one word, spans and metrics: what others see of the clients."""

import asyncio

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from prometheus_client import REGISTRY
from structlog.testing import capture_logs

from database.errors import Unavailable
from database.health import DatabaseHealth, EngineHealth, Status
from database.telemetry import Telemetry
from database.telemetry_opentelemetry import OpenTelemetryObserver
from tests.unit.database.engines import Client, GoneError


@pytest.mark.parametrize(
    ("postgres", "redis", "milvus", "overall"),
    [
        ("ok", "ok", "ok", "ok"),
        ("ok", "ok", "disabled", "ok"),
        ("ok", "degraded", "ok", "degraded"),
        ("ok", "down", "disabled", "degraded"),
        ("degraded", "ok", "ok", "degraded"),
        ("down", "ok", "ok", "down"),
        ("disabled", "down", "down", "down"),
        ("disabled", "disabled", "disabled", "ok"),
    ],
)
def test_one_word_for_all(postgres: Status, redis: Status, milvus: Status, overall: str) -> None:
    states: dict[str, Status] = {"postgres": postgres, "redis": redis, "milvus": milvus}
    health = DatabaseHealth([EngineHealth(engine=engine, status=status) for engine, status in states.items()])
    assert health.status == overall
    assert health["redis"].status == redis


async def same(handle: int) -> int:
    return handle


async def gone(_: int) -> None:
    raise GoneError("rows of a user")


def sample(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(name, {"engine": "postgres", **labels}) or 0.0


def test_operations_failures_and_attempts_are_counted() -> None:
    async def scenario() -> None:
        client = Client(Telemetry.found())
        await client.run("counted", same)
        with pytest.raises(Unavailable):
            await client.run("counted", gone, repeatable=True)

    asyncio.run(scenario())
    assert sample("database_operation_seconds_count", operation="counted") == 2
    assert sample("database_operation_errors_total", operation="counted", error="CircuitOpen") == 1
    assert sample("database_retries_total", operation="counted") > 0
    assert sample("database_breaker_state") == 2


def test_an_operation_is_a_span_without_data() -> None:
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    trace.set_tracer_provider(provider)

    async def scenario() -> None:
        client = Client(Telemetry([OpenTelemetryObserver(provider.get_tracer("test"))]))
        await client.run("read", same)
        with pytest.raises(Unavailable):
            await client.run("write", gone)

    asyncio.run(scenario())
    read, write = exporter.get_finished_spans()
    assert read.name == "postgres read"
    assert read.attributes == {"db.system.name": "postgresql", "db.operation.name": "read"}
    assert (write.attributes or {})["error.type"] == "Unavailable"
    assert not write.status.is_ok
    assert "rows of a user" not in write.to_json()


def test_what_happens_is_logged_with_its_fields_and_without_data() -> None:
    async def scenario() -> None:
        async with Client(Telemetry()) as client:
            await client.run("read", same)
            with pytest.raises(Unavailable):
                await client.run("write", gone, repeatable=True)

    with capture_logs() as logs:
        asyncio.run(scenario())
    opened, *between, closed = logs
    assert (opened["event"], opened["engine"], opened["log_level"]) == ("opened", "postgres", "info")
    assert opened["milliseconds"] >= 0
    retries = [one for one in between if one["event"] == "retry"]
    assert [one["attempt"] for one in retries] == sorted({one["attempt"] for one in retries})
    assert retries
    assert {(one["engine"], one["operation"], one["error"]) for one in retries} <= {
        ("postgres", "write", "Unavailable"),
        ("postgres", "write", "CircuitOpen"),
    }
    assert [one["state"] for one in between if one["event"] == "breaker"] == ["open"]
    assert (closed["event"], closed["engine"]) == ("closed", "postgres")
    assert "rows of a user" not in str(logs)
