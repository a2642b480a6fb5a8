"""What repositories, relay and recall need of an engine's client: operations run with its care."""

from collections.abc import Awaitable, Callable
from typing import Any, Protocol, TypeVar

Result = TypeVar("Result")


class Engine(Protocol):
    """See `clients`: ElasticsearchClient and MilvusClient are such."""

    async def run(
        self, operation: str, function: Callable[[Any], Awaitable[Result]], *, repeatable: bool = False
    ) -> Result:
        """Call `function` with the engine's own client and return what it gives; DatabaseError names `operation`."""
