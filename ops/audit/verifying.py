"""`audit verify`: everybody who remembers something of the record is asked, and whoever could not be is named."""

import base64
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from backup.keys import Signer, fingerprint
from ops.audit import anchoring, entries, keys, record
from ops.audit.anchoring import AnchorError
from ops.audit.checking import Anchor, Report, check
from ops.audit.keys import Keys
from ops.cli.errors import DONE, NOT_ASKED, REFUSED, CommandError, NotAsked
from ops.cli.printer import Printer

# A record that was written anew differs in every line.
_SHOWN = 20
_KEY_BYTES = 32


def verify(printer: Printer, public: str | None) -> int:
    """Verify the record of this machine; nothing is written."""
    _checked(public)
    record.ensure_known(printer.stack)
    stack, unasked = printer.stack, list[str]()
    held, trusted = _keys(printer, unasked)
    anchors: list[Anchor] = []
    remembered: Sequence[Anchor] | None = None
    if anchoring.is_up(stack):
        remembered = _remembered(stack, unasked)
        anchors = [*(remembered or ()), *_in_sets(stack, unasked)]
    else:
        unasked.append(f"{stack} is not up: {_nobody(stack)} asked")
    # Read afterwards: who goes on meanwhile has PostgreSQL remember what is not there before.
    lines, due = record.due(stack, held)
    # As the next command will leave it: it takes over a new key, and what was done directly.
    found = check([*lines, *due], trusted=[public] if public else trusted, anchors=anchors)
    found.head = entries.head_of(lines)
    if found.head and remembered == []:
        found.notices.append(
            f"{anchoring.PLACE} remembers nothing of it: its rows, or the table, were removed since the last command"
        )
    direct = sum(entries.parsed(line)["event"] == entries.UPDATE for line in due)
    if direct:
        found.notices.append(
            f"{direct} updates of Pulumi's history are not in the record yet: the next command enters them"
        )
    return _end(printer, found, f"The record of {stack}", unasked)


def export(printer: Printer, path: Path, public: str | None) -> int:
    """Verify an export: only its lines and, with a public key, who has signed them."""
    _checked(public)
    try:
        content = path.read_bytes()
    except OSError as error:
        raise NotAsked(f"{path} cannot be read: {error.strerror}. Fix: name a file of ./karen audit export") from None
    found = check(entries.split(content), trusted=[public] if public else [])
    if not public:
        found.notices.append("nobody's key was given: whoever has written it anew could have signed it (--public KEY)")
    return _end(printer, found, str(path), [])


def _checked(public: str | None) -> None:
    """NotAsked if this is no public key."""
    try:
        raw = base64.b64decode(public or "", validate=True)
    except ValueError:
        raw = b""
    if public is not None and len(raw) != _KEY_BYTES:
        fix = "Fix: give the one that ./karen audit export tells"
        raise NotAsked(f"--public is no key: {_KEY_BYTES} bytes in base64 are allowed. {fix}")


def _keys(printer: Printer, unasked: list[str]) -> tuple[Keys, Sequence[str]]:
    """Return what signs, and the key that Pulumi tells: what lies in plain text on this machine is no proof."""
    try:
        held = keys.held(printer.stack, printer.progress)
        if not keys.told_public(printer.stack):
            return held, [held.signer.public] if held.signer else []
        seed = held.seed or keys.seed_of(printer.stack)
    except CommandError as error:
        unasked.append(f"its key is not confirmed: {error}")
        return Keys(), []
    return held, [Signer(seed).public]


def _nobody(stack: str) -> str:
    """Return who cannot be asked of a stack that is not up; one that was never complete may have its key already."""
    try:
        told = keys.told_public(stack)
    except CommandError:
        told = ""
    return (
        f"neither {anchoring.PLACE} nor the backups were"
        if told
        else f"neither {anchoring.PLACE}, the backups nor Pulumi's key were"
    )


def _remembered(stack: str, unasked: list[str]) -> Sequence[Anchor] | None:
    """Return what PostgreSQL remembers, None if it could not be asked."""
    try:
        return anchoring.anchor(stack)
    except AnchorError as error:
        unasked.append(f"{anchoring.PLACE} was not asked: {error}")
        return None


def _in_sets(stack: str, unasked: list[str]) -> Sequence[Anchor]:
    """Return what the manifests of the stack's sets remember; those that are not believed are `backup verify`'s matter."""
    from ops.cli.backup.asking import described, quietly

    try:
        found: Sequence[dict[str, Any]] = quietly(described(stack), "list")["sets"]
    except CommandError as error:
        unasked.append(f"the backups were not asked: {error}")
        return []
    return [
        anchoring.read(f"set {one['id']}", one["audit"], entries.moment(one["ended"])[:19])
        for one in found
        if one.get("audit") and not one.get("error")
    ]


def _end(printer: Printer, found: Report, what: str, unasked: Sequence[str]) -> int:
    number = found.head.number if found.head else 0
    problems = found.problems
    for text in [*problems[:_SHOWN], *found.notices[-_SHOWN:], *unasked]:
        printer.say(text)
    if len(problems) > _SHOWN:
        printer.say(f"… and {len(problems) - _SHOWN} more")
    signer = f", signed by {fingerprint(found.key)}" if found.key else ", not signed"
    sets = [place for place in found.anchored if place != anchoring.PLACE]
    remembered = (
        [f"PostgreSQL remembers {found.anchored[anchoring.PLACE]}"] if anchoring.PLACE in found.anchored else []
    )
    remembered += [f"{len(sets)} sets up to {max(found.anchored[place] for place in sets)}"] if sets else []
    told = "".join(f"; {text}" for text in remembered)
    if problems:
        sentence = f"{what} is not what was written: {len(problems)} differences in {number} entries."
    elif not number:
        sentence = f"{what} has no entries."
    elif unasked:
        sentence = f"{what} is whole as far as could be asked: {number} entries{signer}{told}."
    else:
        sentence = f"{what} is whole: {number} entries{signer}{told}."
    printer.end(
        sentence,
        {
            "whole": not problems, "head": found.head.document() if found.head else None, "signed": found.signed,
            "public": found.key, "problems": problems, "notices": found.notices, "unasked": list(unasked),
            "anchored": found.anchored,
        },
    )  # fmt: skip
    return REFUSED if problems else NOT_ASKED if unasked else DONE
