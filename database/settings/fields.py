"""What the engines' settings have in common: where they are read from, and types whose errors say what is allowed."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Annotated, Any, ClassVar, Self

from pydantic import AliasChoices, Field, model_validator
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from database.settings.url import Url, parse

Port = Annotated[int, Field(ge=1, le=65535)]
Seconds = Annotated[float, Field(gt=0, le=3600)]
Connections = Annotated[int, Field(ge=1, le=10_000)]
# A name, or an address; one with colons has two of them at least, and so no port is taken for a part of it.
HOST = r"^([A-Za-z0-9._-]{1,255}|[0-9A-Fa-f]*:[0-9A-Fa-f]*:[0-9A-Fa-f:.]*)$"
Host = Annotated[str, Field(pattern=HOST)]
MEMORY = r"^\d+(KB|MB|GB|KiB|MiB|GiB)$"
Memory = Annotated[str, Field(pattern=MEMORY)]
Name = Annotated[str, Field(min_length=1, max_length=255)]

# While a mapping stands for the environment, as a stack's outputs do.
_given_alone: ContextVar[bool] = ContextVar("given_alone", default=False)


def named(*names: str, default: Any = ...) -> Any:
    """Return a field that is read from the first of these variables that is set; the first is the one to use."""
    return Field(default=default, validation_alias=AliasChoices(*names))


class EngineSettings(BaseSettings):
    """One engine's settings: immutable, and without secrets in its representation.

    A URL says the same as host, port, user, password and path do one by one; where both are set, they have to agree.
    """

    model_config = SettingsConfigDict(
        frozen=True, extra="ignore", env_ignore_empty=True, hide_input_in_errors=True, env_file_encoding="utf-8"
    )
    # Which schemes its URL may have, which options behind its question mark, and which field each of its parts is.
    schemes: ClassVar[tuple[str, ...]] = ()
    url_options: ClassVar[tuple[str, ...]] = ()
    parts: ClassVar[Mapping[str, str]] = {}
    # The port of a URL that names none, by scheme, where the engine's own clients take another than its default.
    url_ports: ClassVar[Mapping[str, str]] = {}

    @classmethod
    def read(cls, env_file: str | Path | None) -> Self:
        """Return the settings that the process' environment makes and, for what it does not set, a file."""
        given: dict[str, Any] = {"_env_file": env_file}
        return cls(**given)

    @classmethod
    def of(cls, variables: Mapping[str, str]) -> Self:
        """Return the settings that these variables alone make; an empty one counts as not set."""
        with _alone():
            return cls(**{name: value for name, value in variables.items() if value})

    @classmethod
    def variables(cls) -> tuple[str, ...]:
        """Return the name of every variable that is read, the aliases too."""
        return tuple(name for info in cls.model_fields.values() for name in choices(info))

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Order the sources: what is given, the process' environment, the file."""
        return (init_settings,) if _given_alone.get() else (init_settings, env_settings, dotenv_settings)

    @model_validator(mode="before")
    @classmethod
    def _read_url(cls, data: dict[str, Any]) -> dict[str, Any]:
        variable = cls._set(data, "url") if "url" in cls.model_fields else None
        if variable is None:
            return data
        url = parse(str(data[variable]), variable, cls.schemes)
        for option, _ in url.options:
            if option not in cls.url_options:
                raise ValueError(
                    f"{variable} has the option {option!r}; allowed: {', '.join(cls.url_options) or 'none'}"
                )
        if url.path and "path" not in cls.parts:
            raise ValueError(f"{variable} has a path, which is used for nothing; allowed: scheme, host and port")
        return {**data, **cls._said(url, variable, data)}

    @classmethod
    def _said(cls, url: Url, variable: str, data: Mapping[str, Any]) -> dict[str, Any]:
        """Return what the URL says and nothing else does; ValueError names a variable that contradicts it."""
        said: dict[str, Any] = {}
        for part, field in cls.parts.items():
            value = getattr(url, part)
            if value in (None, ""):
                continue
            other = cls._set(data, field)
            if other is None:
                said[choices(cls.model_fields[field])[0]] = str(value)
            elif str(data[other]) != str(value):
                raise ValueError(f"{variable} and {other} do not agree; allowed: the same {field}, or one of the two")
        if url.port is None and url.scheme in cls.url_ports and cls._set(data, "port") is None:
            said[choices(cls.model_fields["port"])[0]] = cls.url_ports[url.scheme]
        return said

    @classmethod
    def _set(cls, data: Mapping[str, Any], field: str) -> str | None:
        """Return the variable by which a field is set, if it is."""
        return next((name for name in (*choices(cls.model_fields[field]), field) if data.get(name)), None)


def place(host: str, port: int) -> str:
    """Return host and port as a URL has them: an address of IPv6 in brackets."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def choices(info: FieldInfo) -> tuple[str, ...]:
    """Return the variables that a field is read from, the one to use first."""
    alias = info.validation_alias
    return tuple(str(name) for name in alias.choices) if isinstance(alias, AliasChoices) else ()


@contextmanager
def _alone() -> Iterator[None]:
    token = _given_alone.set(True)
    try:
        yield
    finally:
        _given_alone.reset(token)
