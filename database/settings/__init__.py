"""What an application is told: variables of the process, of a `.env` file, or of a stack, validated once."""

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Self

from dotenv import dotenv_values
from pydantic import BaseModel, ConfigDict, ValidationError

from database.errors import ConfigurationInvalid
from database.settings import stack as stack_outputs
from database.settings.duckdb import DuckDBSettings
from database.settings.elasticsearch import ElasticsearchSettings
from database.settings.fields import EngineSettings
from database.settings.milvus import MilvusSettings
from database.settings.minio import MinioSettings
from database.settings.postgres import PostgresSettings
from database.settings.problems import problems
from database.settings.redis import RedisSettings
from database.settings.resilience import ResilienceSettings

__all__ = [
    "DatabaseSettings",
    "DuckDBSettings",
    "ElasticsearchSettings",
    "MilvusSettings",
    "MinioSettings",
    "PostgresSettings",
    "RedisSettings",
    "ResilienceSettings",
]


class DatabaseSettings(BaseModel):
    """The settings of every engine, and how failures are met."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    postgres: PostgresSettings
    redis: RedisSettings
    elasticsearch: ElasticsearchSettings
    milvus: MilvusSettings
    duckdb: DuckDBSettings
    minio: MinioSettings
    resilience: ResilienceSettings

    @classmethod
    def from_env(cls, env_file: str | Path | None = ".env") -> Self:
        """Read the process' environment and, for what that does not set, a file as `make env` writes it, if it is there.

        ConfigurationInvalid names everything that is wrong.
        """
        written = {name: value for name, value in (dotenv_values(env_file) if env_file else {}).items() if value}
        return cls._read(lambda model: model.read(env_file), {**written, **os.environ})

    @classmethod
    def from_stack(cls, stack: str, *, directory: str | Path = ".", form: str = "host") -> Self:
        """Read a stack's outputs with Pulumi, in its project's directory; the environment has no say.

        `form` is `host` for an application on this host, `network` for one in a container on the stack's network.
        """
        return cls.of(stack_outputs.variables(stack, Path(directory), form))

    @classmethod
    def of(cls, variables: Mapping[str, str]) -> Self:
        """Return the settings that these variables alone make."""
        return cls._read(lambda model: model.of(variables), dict(variables))

    @classmethod
    def _read(cls, make: Callable[[type[EngineSettings]], EngineSettings], values: dict[str, str]) -> Self:
        found: dict[str, Any] = {}
        wrong: list[str] = []
        for name, field in cls.model_fields.items():
            model = field.annotation
            assert isinstance(model, type)
            assert issubclass(model, EngineSettings)
            try:
                found[name] = make(model)
            except ValidationError as error:
                wrong += problems(error, model, values)
        if wrong:
            raise ConfigurationInvalid(
                "The settings are not valid; nothing was connected.", problems=tuple(dict.fromkeys(wrong))
            )
        return cls.model_construct(**found)
