"""A set's `manifest.json`: one line of canonical JSON, and one with the key that signed it and its signature."""

import json
import re
from collections.abc import Collection

from backup.keys import Signer, fingerprint, verified
from backup.model import FORMAT, Manifest, ManifestError
from init.protocol import Failure

_LINES = re.compile(rb"([^\n]+)\ned25519:([^:\n]+):([^:\n]+)\n")
_ANOTHER = "use another set (./karen backup list), and look at the target's health"


def render(manifest: Manifest, signer: Signer) -> bytes:
    """Return the file."""
    line = _canonical(manifest.document())
    return line + b"\n" + f"ed25519:{signer.public}:{signer.sign(line)}\n".encode()


def read(data: bytes, *, path: str, stack: str, set_id: str, trust: Collection[str]) -> Manifest:
    """Return the manifest of a file; `path` names it, `trust` are the public keys whose sets are believed.

    Failure `Damaged`: it is not as it was signed, or another set's. `NotTrusted`: another key signed it. `Newer`: a newer
    version of this software did.
    """
    line, public = _signed(data, path)
    if public not in trust:
        known = ", ".join(sorted(fingerprint(one) for one in trust)) or "none"
        raise Failure(
            "NotTrusted",
            f"{path}: signed by {fingerprint(public)}; trusted: {known}",
            "give the identity file of the stack that made it, or do not use this set",
        )
    manifest = _parsed(line, path)
    if (manifest.stack, manifest.id) != (stack, set_id):
        raise _damaged(path, f"it is the manifest of {manifest.stack}'s {manifest.id}, not of {stack}'s {set_id}")
    return manifest


def _signed(data: bytes, path: str) -> tuple[bytes, str]:
    """Return what was signed, and the key."""
    found = _LINES.fullmatch(data)
    if not found:
        raise _damaged(path, "not two lines, a document and its signature")
    line, public, signature = found.groups()
    try:
        key, text = public.decode("ascii"), signature.decode("ascii")
    except UnicodeDecodeError:
        raise _damaged(path, "its signature is no text") from None
    if not verified(key, line, text):
        raise _damaged(path, "its signature does not fit its content")
    return line, key


def _parsed(line: bytes, path: str) -> Manifest:
    try:
        document = json.loads(line)
    except ValueError as error:
        raise _damaged(path, f"no JSON: {error}") from None
    if not isinstance(document, dict):
        raise _damaged(path, f"a {type(document).__name__}, no object")
    try:
        return Manifest.parse(document)
    except ManifestError as error:
        found = document.get("format")
        if isinstance(found, int) and found > FORMAT:
            raise Failure("Newer", f"{path}: {error}", "update this checkout to the version that made it") from None
        raise _damaged(path, str(error)) from None


def _canonical(document: object) -> bytes:
    return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False).encode()


def _damaged(path: str, reason: str) -> Failure:
    return Failure("Damaged", f"{path}: {reason}", _ANOTHER)
