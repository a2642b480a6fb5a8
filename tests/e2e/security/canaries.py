"""Secrets that are looked for, in every form in which one may be told: as it is, escaped, quoted, in hexadecimal, in base64."""

import base64
import json
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote, quote_plus

from tests.e2e.live import LiveStack

# As Go writes JSON, whatever it is embedded in.
_GO = {"&": "\\u0026", "<": "\\u003c", ">": "\\u003e"}
# How Pulumi marks a secret in what `stack export --show-secrets` prints.
_MARK = "4dabf18193072939515e22adb298388d"
_GENERATED = ("result", "base64", "hex", "bcryptHash")


def forms(value: str) -> dict[str, bytes]:
    """Return each form of a text by its name."""
    raw, escaped = value.encode(), json.dumps(value)[1:-1]
    found = {
        "plain": raw,
        "JSON": escaped.encode(),
        "JSON of Go": "".join(_GO.get(one, one) for one in escaped).encode(),
        "JSON in JSON": json.dumps(escaped)[1:-1].encode(),
        "Python": repr(value)[1:-1].encode(),
        "URL": quote(value, safe="").encode(),
        "URL path": quote(value).encode(),
        "URL query": quote_plus(value).encode(),
        "hexadecimal": raw.hex().encode(),
        "hexadecimal capitals": raw.hex().upper().encode(),
    }
    for offset in range(3):
        found[f"base64, {offset} bytes on"] = _inner(raw, offset)
        found[f"base64 of URLs, {offset} bytes on"] = _inner(raw, offset).translate(bytes.maketrans(b"+/", b"-_"))
    return found


def _inner(raw: bytes, offset: int) -> bytes:
    """Return of the base64 of a longer text the characters that depend on this part of it alone."""
    whole = base64.b64encode(bytes(offset) + raw + bytes(3))
    return whole[-(-offset * 8 // 6) : (offset + len(raw)) * 8 // 6]


class Canary:
    """What is looked for, by name, and in the same way a `control`: what a place is known to have."""

    def __init__(self, secrets: Mapping[str, str], control: str = "") -> None:
        self._control = control
        self._names: dict[bytes, str] = {}
        for name, value in secrets.items():
            assert len(value) >= 6, name
            self._names |= dict.fromkeys(forms(value).values(), name)

    def found(self, content: bytes) -> set[str]:
        """Return the names of the secrets that a content has, in whatever form."""
        return {name for form, name in self._names.items() if form in content}

    def leaks(self, contents: Mapping[str, bytes]) -> dict[str, set[str]]:
        """Return the places that have a secret, with the secrets' names."""
        return {place: names for place, content in contents.items() if (names := self.found(content))}

    def controls(self, contents: Mapping[str, bytes]) -> set[str]:
        """Return the places in which the search finds the control."""
        search = Canary({"control": self._control})
        return set(search.leaks(contents))


def generated(live: LiveStack) -> dict[str, str]:
    """Return by name every secret that Pulumi has generated for a stack, and the keys that are made of them."""
    document = json.loads(live.pulumi("stack", "export", "--show-secrets").stdout)
    operations = live.outputs()["operations"]
    return {
        **dict(_generated(document["deployment"]["resources"])),
        "identity of backups": operations["backups"]["identity"],
        "audit seed": operations["audit"]["seed"],
    }


def _generated(resources: list[dict[str, Any]]) -> Iterator[tuple[str, str]]:
    for one in resources:
        if one["type"].endswith("SecretFiles"):
            yield from _keys(_plain(one["outputs"]["files"]))
        if one["type"].startswith("random:"):
            outputs, name = one["outputs"], one["urn"].rsplit("::", 1)[-1]
            for key in _GENERATED:
                if key in outputs:
                    yield f"{name} ({key})", str(_plain(outputs[key]))


def _keys(files: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Return of each private key a line of its middle, which it has in every form of a key."""
    for name, text in files.items():
        if "PRIVATE KEY" in text:
            yield f"{name} {text.splitlines()[1][-8:]}", text.splitlines()[1][-24:]


def _plain(value: Any) -> Any:
    return json.loads(value["plaintext"]) if isinstance(value, dict) and _MARK in value else value
