"""What differs between the schema as migrations left it and as it is. Pure."""

from collections.abc import Mapping

_SHOWN = 120


def advanced(expected: Mapping[str, str], before: Mapping[str, str], after: Mapping[str, str]) -> dict[str, str]:
    """Return `expected` with the changes that happened from `before` to `after`, and with no others."""
    moved = {name: text for name, text in after.items() if before.get(name) != text}
    kept = {name: text for name, text in expected.items() if name in after or name not in before}
    return {**kept, **moved}


def differences(expected: Mapping[str, str], found: Mapping[str, str]) -> list[str]:
    """Return a sentence for everything that was dropped or changed by hand, and for what was added to our own objects.

    What belongs to a dropped object is not named as well; an application's own objects are nobody's concern.
    """
    sentences = []
    for name, text in sorted(expected.items()):
        if name not in found:
            if _owner(name, expected) is None or _owner(name, found) is not None:
                sentences.append(f"{name} was dropped: it was {_short(text)}")
        elif found[name] != text:
            sentences.append(f"{name} was changed: it was {_short(text)}, it is {_short(found[name])}")
    added = (name for name in found if name not in expected and _owner(name, expected) is not None)
    sentences += [f"{name} was added: it is {_short(found[name])}" for name in sorted(added)]
    return sentences


def _owner(name: str, objects: Mapping[str, str]) -> str | None:
    """Return the object that one belongs to, `table memory` for `column memory.query`; None for one of its own."""
    own = name.partition(" ")[2].partition(".")[0]
    if "." not in name.partition(" ")[2]:
        return None
    return next((other for other in objects if "." not in other and other.partition(" ")[2] == own), None)


def _short(text: str) -> str:
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
