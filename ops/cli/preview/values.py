"""Where the inputs of a resource differ, as a reader of a preview may see it: without secrets, and without identifiers. Pure."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ops.cli.preview.changes import Change
from policy.graph import MASKED, Leaf, Resource, leaves
from policy.rules.secrets import is_sensitive

_NOTHING = "nothing"
# What nobody can compare, and what is another on each machine: hashes, and names that the engine makes. Pulumi's sign for what is
# not known yet is one of them.
_IDENTIFIER = re.compile(r"(sha256:)?(?=[0-9]*[a-f])[0-9a-f]{12,}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_LONGEST = 80
# By what the entries of a list are told from each other, wherever in it they are.
_KEYS = {
    "labels": "label",
    "networksAdvanced": "name",
    "ports": "internal",
    "ulimits": "name",
    "volumes": "containerPath",
}


@dataclass(frozen=True, kw_only=True)
class Difference:
    """One value that differs, by the path to it; `old` and `new` are equal where neither is shown."""

    path: str
    old: str
    new: str

    def __str__(self) -> str:
        return f"`{self.path}` changes" if self.old == self.new else f"`{self.path}`: `{self.old}` → `{self.new}`"


def differences(change: Change) -> list[Difference]:
    """Return what differs; of secrets, marked or not, only that they do, and nothing of identifiers and of what is not known yet."""
    if change.old is None or change.new is None:
        return []
    return [one for name in change.differing for one in _of_input(name, change.old, change.new)]


def _of_input(name: str, old: Resource, new: Resource) -> Iterator[Difference]:
    before, after = _by_path(old, name), _by_path(new, name)
    if any(leaf.secret for leaf in (*before.values(), *after.values())):
        yield Difference(path=name, old=MASKED, new=MASKED)
        return
    for path in sorted(path for path in {*before, *after} if before.get(path) != after.get(path)):
        told, instead = _shown(before.get(path)), _shown(after.get(path))
        if any(is_sensitive(part) for part in re.split(r"[. ()]+", path) if part):
            told = instead = MASKED
        elif told == instead or _IDENTIFIER.fullmatch(told) or _IDENTIFIER.fullmatch(instead):
            continue
        yield Difference(path=path, old=told, new=instead)


def _by_path(resource: Resource, name: str) -> dict[str, Leaf]:
    value = _keyed(name, resource.declared.get(name))
    return {".".join((name, *leaf.path)): leaf for leaf in leaves(value)}


def _keyed(name: str, value: Any) -> Any:
    """Return a list as a mapping: one that was put in front changes nothing about the others then."""
    if not isinstance(value, list):
        return value
    if name == "envs" and all(isinstance(one, str) for one in value):
        return dict(one.partition("=")[::2] for one in value)
    key = _KEYS.get(name, "")
    if value and all(isinstance(one, Mapping) and one.get(key) is not None for one in value):
        return {str(one[key]): {part: item for part, item in one.items() if part != key} or "" for one in value}
    return {_argument(value, position): one for position, one in enumerate(value)}


def _argument(value: list[Any], position: int) -> str:
    """Return what a reader knows a position of a list by: the option before it, as in a command."""
    before = value[position - 1] if position else None
    is_option = isinstance(before, str) and before.startswith("--") and "=" not in before
    return f"{position} ({before})" if is_option else str(position)


def _shown(leaf: Leaf | None) -> str:
    if leaf is None or leaf.value in (None, ""):
        return _NOTHING
    told = str(leaf.value).lower() if isinstance(leaf.value, bool) else str(leaf.value)
    text = " ".join(told.replace("`", "'").split())
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
