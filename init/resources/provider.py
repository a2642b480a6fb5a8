"""What every dynamic provider here has in common.

The program imports providers only to declare resources, so their methods import the Docker client, and what uses it, when
they run: in the provider's own process. (It is a quarter of the time in which the program is imported.)
"""

from typing import Any

from pulumi.dynamic import CreateResult, DiffResult, ResourceProvider, UpdateResult
from pulumi.runtime.rpc import UNKNOWN

from init.resources.lifetime import end_with_parent

_PROVIDER_KEY = "__provider"


def is_known(value: object) -> bool:
    """Whether a value, and everything in it, is known; previews pass a placeholder for what is not yet."""
    if isinstance(value, dict):
        return all(is_known(item) for item in value.values())
    if isinstance(value, list):
        return all(is_known(item) for item in value)
    return value != UNKNOWN


class Provider(ResourceProvider):
    """A provider without captured state whose inputs alone decide whether there is something to do.

    Subclasses implement `apply`, which does the work for both create and update and returns extra outputs.
    """

    serialize_as_secret_always = False
    kind = "resource"

    def apply(self, props: dict[str, Any]) -> dict[str, Any]:
        """Do the work and return what to record besides the inputs."""
        raise NotImplementedError

    def diff(self, _id: str, olds: dict[str, Any], news: dict[str, Any]) -> DiffResult:
        """Compare input keys only: `olds` are the old outputs, which hold results as well."""
        changed = any(
            not is_known(value) or olds.get(key) != value
            for key, value in news.items()
            if key != _PROVIDER_KEY and value is not None
        )
        return DiffResult(changes=changed, replaces=[], delete_before_replace=False)

    def create(self, props: dict[str, Any]) -> CreateResult:
        """Do the work; the identifier is stable over updates."""
        end_with_parent()
        return CreateResult(f"{self.kind}:{props['stack']}:{props['service']}", {**props, **self.apply(props)})

    def update(self, _id: str, _olds: dict[str, Any], news: dict[str, Any]) -> UpdateResult:
        """Do the work again with the new inputs."""
        end_with_parent()
        return UpdateResult({**news, **self.apply(news)})
