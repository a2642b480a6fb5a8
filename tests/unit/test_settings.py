"""Settings keep the meaning they had in the original design, and fit together."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.settings import Settings
from components.sizes import parse_size, show_size


def test_defaults_are_those_of_the_original_design() -> None:
    settings = Settings()
    assert settings.postgres_db == "ai_karen"
    assert settings.postgres_user == "karen_user"
    assert settings.postgres_max_connections == 100
    assert show_size(settings.elasticsearch_heap) == "1g"
    assert show_size(settings.milvus_memory) == "2g"
    assert show_size(settings.redis_memory) == "512m"
    assert settings.duckdb_path == "/data/duckdb/kari_duckdb.db"
    assert (settings.postgres_port, settings.elasticsearch_port, settings.milvus_port, settings.redis_port) == (
        5432,
        9200,
        19530,
        6379,
    )


def test_text_values_of_the_configuration_are_typed() -> None:
    settings = Settings.parse(
        {"postgresPort": "15432", "enableMilvus": "false", "redisMemory": "64m", "redisCpus": "0.5"}
    )
    assert (settings.postgres_port, settings.enable_milvus, settings.redis_memory) == (15432, False, 64 * 1024**2)


def test_ports_may_be_equal_where_nothing_is_published_or_the_service_is_disabled() -> None:
    assert Settings.parse({"mode": "production", "redisPort": "5432"}).production
    assert not Settings.parse({"enableRedis": "false", "redisPort": "5432"}).enable_redis


@given(st.integers(min_value=1, max_value=10**6), st.sampled_from("kmg"))
def test_sizes_round_trip(number: int, unit: str) -> None:
    assert parse_size(show_size(parse_size(f"{number}{unit}"))) == parse_size(f"{number}{unit}")


@pytest.mark.parametrize("text", ["", "1", "1.5g", "-1g", "g", "1t", " ", "0m", 512, None])
def test_sizes_that_are_none_are_refused(text: object) -> None:
    with pytest.raises(ValueError, match="512m"):
        parse_size(text)
