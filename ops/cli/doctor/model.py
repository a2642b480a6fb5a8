"""What a check is told, and what it finds."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

from components.machine import image_source
from components.settings import Settings, SettingsError
from ops.cli.migrate.pins import configuration, readable
from ops.cli.recorded import on_disk

if TYPE_CHECKING:
    import docker

Status = Literal["ok", "warning", "problem", "unknown"]


@dataclass(frozen=True)
class Finding:
    """One check's answer: a sentence, and the command that mends it."""

    check: str
    status: Status
    message: str
    fix: str = ""


@dataclass
class Patient:
    """A stack and its machine, as the checks see it; `client` is None where the engine of containers does not answer."""

    stack: str
    client: "docker.DockerClient | None"
    engine_error: str = ""
    problems: list[str] = field(default_factory=list)

    @cached_property
    def settings(self) -> Settings | None:
        """Return the stack's settings; None, with `problems`, if they cannot work."""
        values = readable(configuration(self.stack))
        probed = image_source(self.stack)
        if probed is not None:
            values.setdefault("imageSource", probed)
        try:
            return Settings.parse(values)
        except SettingsError as error:
            self.problems = error.problems
            return None

    @cached_property
    def recorded(self) -> Mapping[str, Any]:
        """Return what the last update recorded."""
        return on_disk(self.stack)

    @property
    def resources(self) -> list[Mapping[str, Any]]:
        """Return the recorded resources."""
        return list(self.recorded.get("resources") or ())

    @cached_property
    def info(self) -> Mapping[str, Any]:
        """Return what the engine of containers tells of itself; {} where it does not answer."""
        return dict(self.client.info()) if self.client is not None else {}


Check = Callable[[Patient], Iterator[Finding]]
