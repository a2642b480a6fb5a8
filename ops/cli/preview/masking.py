"""What must not be in anything that a preview prints, whatever the program did with it: the stack's secrets themselves."""

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import quote

from policy.graph import MASKED, UNKNOWN, Secret, marked
from policy.rules.secrets import is_sensitive

# Passwords that are generated have at least so many characters; shorter texts would be found within words.
_SHORTEST = 8
# What somebody else gave, such as a mail server's password, may be shorter.
_SHORTEST_CONFIGURED = 4
# How what opens backups begins, whatever its name.
_IDENTITY = "AGE-SECRET-KEY-"


class Mask:
    """Replaces every secret in a text, also where it is written as a URL or a JSON document writes it, and the machine's own paths."""

    def __init__(self, secrets: Iterable[str] = (), *, home: str = "") -> None:
        """`home` is where this machine keeps the project's things."""
        self._home = home
        found = {spelling for secret in secrets if secret for spelling in _spellings(secret)}
        # One secret may be a part of another.
        self._secrets = sorted(found, key=lambda one: (-len(one), one))

    def __call__(self, text: str) -> str:
        for secret in self._secrets:
            text = text.replace(secret, MASKED)
        return text.replace(self._home, "$KAREN_HOME") if self._home else text

    def everywhere(self, value: Any) -> Any:
        """Return a document with all its texts so."""
        if isinstance(value, str):
            return self(value)
        if isinstance(value, dict):
            return {key: self.everywhere(item) for key, item in value.items()}
        return [self.everywhere(item) for item in value] if isinstance(value, list | tuple) else value

    def preview(self, document: Mapping[str, Any]) -> dict[str, Any]:
        """Return a preview's document with what it tells so; what its steps are told apart by stays.

        It has to be done before anything of it is cut or written otherwise: what is left of a secret then is none that is known.
        """
        messages = [
            {**one, "message": self.everywhere(one.get("message"))} for one in document.get("diagnostics") or ()
        ]
        return {
            **document,
            "steps": [self._step(one) for one in document.get("steps") or ()],
            "diagnostics": messages,
        }

    def _step(self, step: Mapping[str, Any]) -> dict[str, Any]:
        told = {key: step[key] for key in ("oldState", "newState") if step.get(key)}
        return {**step, **{key: {**one, "inputs": self.everywhere(one.get("inputs"))} for key, one in told.items()}}


def secrets_of(deployment: Mapping[str, Any], configuration: Mapping[str, Any]) -> set[str]:
    """Return the secrets of `pulumi stack export` and `pulumi config --json`, both with --show-secrets.

    They are texts, and within a secret document identities, and the values of keys such as `password`; its other values are no
    secrets. Too short ones are left out.
    """
    configured = {str(one.get("value")) for one in configuration.values() if one.get("secret")}
    recorded = _within(marked(deployment), "", secret=False)
    return {one for one in recorded if len(one) >= _SHORTEST} | {
        one for one in configured if len(one) >= _SHORTEST_CONFIGURED
    }


def _within(value: Any, name: str, *, secret: bool) -> Iterator[str]:
    if isinstance(value, Secret):
        told = value.value
        yield from [told] if isinstance(told, str) and told != UNKNOWN else _within(told, name, secret=True)
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from _within(item, str(key), secret=secret)
    elif isinstance(value, list):
        for item in value:
            yield from _within(item, name, secret=secret)
    elif secret and isinstance(value, str) and value != UNKNOWN and _opens(name, value):
        yield value


def _opens(name: str, value: str) -> bool:
    return is_sensitive(name) or value.startswith(_IDENTITY)


def _spellings(secret: str) -> set[str]:
    return {secret, quote(secret, safe=""), json.dumps(secret)[1:-1]}
