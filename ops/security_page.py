"""Writes the table of exceptions into docs/security.md: `python -m ops.security_page`."""

from bootstrap import places
from components.exceptions import EXEMPTIONS

PAGE = places.CHECKOUT / "docs" / "security.md"
_BEGIN, _END = "<!-- exceptions -->\n", "<!-- /exceptions -->\n"


def written(text: str) -> str:
    """Return the page with the table as the code has it; ValueError if the page has no place for it."""
    before, begin, rest = text.partition(_BEGIN)
    _, end, after = rest.partition(_END)
    if not begin or not end:
        raise ValueError(f"{PAGE} has no place for the table. Fix: add {_BEGIN.strip()} and {_END.strip()}")
    return f"{before}{begin}{_table()}{end}{after}"


def _table() -> str:
    rows = (f"| {one.rule} | {', '.join(one.services)} | {one.otherwise} | {one.reason} |\n" for one in EXEMPTIONS)
    return "| rule | whose | what is otherwise | why |\n|---|---|---|---|\n" + "".join(rows)


if __name__ == "__main__":
    PAGE.write_text(written(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
