"""A review as a comment for a pull request, and as text for a terminal. Pure: no times, and nothing that is another each time."""

from collections.abc import Iterator, Sequence

from ops.cli.preview.review import Review
from ops.cli.preview.risk import Risk
from policy.rule import Violation

# GitHub takes 65,536 characters.
_LONGEST = 60_000
_HEADINGS = {Risk.DATA: "Data at risk", Risk.RESTART: "Restart", Risk.SAFE: "Safe"}


def marker(stack: str) -> str:
    """Return the line by which a stack's comment is found again."""
    return f"<!-- karen preview: {stack} -->"


def summary(found: Review) -> str:
    """Return a preview's sentence."""
    if found.errors:
        return f"The preview of {found.stack} failed; nothing is known of what would change."
    counts = [f"{len(entries)} {risk}" for risk, entries in found.groups.items() if entries]
    broken = len(found.violations)
    rules = [f"{broken} {'violation' if broken == 1 else 'violations'} of the policy"] if broken else []
    return f"Preview of {found.stack}: {', '.join([*rules, *counts]) or 'nothing changes'}."


def markdown(found: Review) -> str:
    """Return the comment."""
    lines = [marker(found.stack), f"## {summary(found)}", *_sections(found, heading="### ", fence="```")]
    return _shortened(lines, found.stack)


def failed(stack: str, sentence: str) -> str:
    """Return the comment for a preview that could not be made."""
    return "\n".join([marker(stack), f"## There is no preview of {stack}", "", *_fenced(sentence, "```")]) + "\n"


def text(found: Review) -> str:
    """Return the same for a terminal, without its summary."""
    return "\n".join(_sections(found, heading="", fence="")).strip("\n")


def _sections(found: Review, *, heading: str, fence: str) -> Iterator[str]:
    for error in found.errors:
        yield from ("", *_fenced(error, fence))
    if found.violations:
        yield from ("", f"{heading}Policy", "", *_broken(found.violations))
    for risk, entries in found.groups.items():
        if entries:
            yield from ("", f"{heading}{_HEADINGS[risk]}", "")
        for entry in entries:
            yield f"- {entry.sentence}"
            yield from (f"  - {detail}" for detail in entry.details)
    if found.notes:
        yield from ("", f"{heading}Notes", "", *(f"- `{note.replace('`', chr(39))}`" for note in found.notes))


def _broken(violations: Sequence[Violation]) -> Iterator[str]:
    """Yield a line for each rule, with all that break it in the same way."""
    names: dict[tuple[str, str], list[str]] = {}
    rules = {one.rule.name: one.rule for one in violations}
    for one in violations:
        names.setdefault((one.rule.name, one.what), []).append(f"`{one.resource.name}`")
    for (name, what), several in sorted(names.items()):
        yield f"- **{name}** ({', '.join(several)}): {what}. {rules[name].reason} Fix: {rules[name].fix}"


def _fenced(sentence: str, fence: str) -> list[str]:
    body = sentence.replace("```", "'''").splitlines()
    return [f"{fence}text", *body, fence] if fence else body


def _shortened(lines: Sequence[str], stack: str) -> str:
    """Cut at a line's end what is too long for a comment, and say so."""
    whole = "\n".join(lines) + "\n"
    if len(whole) <= _LONGEST:
        return whole
    kept = whole[:_LONGEST].rpartition("\n")[0]
    left = whole.count("\n") - kept.count("\n") - 1
    return f"{kept}\n\n… and {left} more lines: ./karen preview --stack {stack} tells them.\n"
