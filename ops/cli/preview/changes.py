"""What an update would do to each resource: Pulumi's steps, one for each resource, and which inputs differ. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from policy.graph import Resource

_REPLACING = {"replace", "create-replacement", "delete-replaced"}
# What Pulumi's own program consists of: it says nothing that its parts do not.
_COMPONENTS = ("karen:", "pulumi:")


@dataclass(frozen=True, kw_only=True)
class Change:
    """One resource. `operation` is create, update, replace, delete, import, or same; `differing` are the names of inputs."""

    operation: str
    old: Resource | None
    new: Resource | None
    differing: tuple[str, ...] = ()

    @property
    def resource(self) -> Resource:
        """Return the resource as it will be, or was."""
        one = self.new or self.old
        assert one is not None
        return one

    @property
    def goes(self) -> bool:
        """Whether what there is now will not be there any more."""
        return self.operation in ("replace", "delete")


def changes(document: Mapping[str, Any]) -> list[Change]:
    """Return one change for each resource of a preview's document, by type and name; components are left out."""
    steps: dict[str, list[Mapping[str, Any]]] = {}
    for step in document.get("steps") or ():
        steps.setdefault(str(step["urn"]), []).append(step)
    found = [_change(of_one) for of_one in steps.values()]
    shown = [one for one in found if not one.resource.type.startswith(_COMPONENTS)]
    return sorted(shown, key=lambda one: (one.resource.type, one.resource.name))


def _change(steps: Sequence[Mapping[str, Any]]) -> Change:
    operations = {str(step["op"]) for step in steps}
    operation = "replace" if operations & _REPLACING else min(operations)
    old = next((Resource.of_state(step["oldState"]) for step in steps if step.get("oldState")), None)
    new = next((Resource.of_state(step["newState"]) for step in steps if step.get("newState")), None)
    differing: set[str] = set()
    if operation in ("update", "replace"):
        # A provider tells also what differs in secrets, which are not comparable here.
        told = {
            str(name) for step in steps for key in ("diffReasons", "replaceReasons") for name in step.get(key) or ()
        }
        differing = told | _differing(old, new)
    return Change(operation=operation, old=old, new=new, differing=tuple(sorted(differing)))


def _differing(old: Resource | None, new: Resource | None) -> set[str]:
    if old is None or new is None:
        return set()
    before, after = old.declared, new.declared
    return {name for name in {*before, *after} if before.get(name) != after.get(name)}
