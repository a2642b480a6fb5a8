"""Where PostgreSQL's statements end: https://www.postgresql.org/docs/17/sql-syntax-lexical.html.

Not a parser: it knows comments, strings, quoted names, dollar quotes, parentheses and `BEGIN ATOMIC`, and nothing else.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

_TOKEN = re.compile(
    r"""(?P<comment>--[^\n]*)
    |(?P<nested>/\*)
    |(?P<quoted>[eE]'(?:[^'\\]|\\.|'')*' | '(?:[^']|'')*' | "(?:[^"]|"")*")
    |(?P<dollar>\$(?:[^\W\d]\w*)?\$)
    |(?P<word>[^\W\d][\w$]*)
    |(?P<number>\d[\w$]*)
    |(?P<other>.)""",
    re.VERBOSE | re.DOTALL,
)
_NESTED = re.compile(r"/\*|\*/")


@dataclass(frozen=True)
class Statement:
    """A statement as it stands in the file, and without comments and its semicolon, on which patterns can be tried."""

    text: str
    bare: str


def statements(body: str) -> Iterator[Statement]:
    """Return a file's statements; what is only comments is none."""
    start, bare, ends = 0, "", _Ends()
    for kind, begin, end in _tokens(body):
        piece = body[begin:end]
        if kind == "other" and piece == ";" and ends.here():
            if bare.strip():
                yield Statement(body[start:end], bare.strip())
            start, bare, ends = end, "", _Ends()
            continue
        bare += " " if kind == "comment" else piece
        ends.pass_by(kind, piece)
    if bare.strip():
        yield Statement(body[start:], bare.strip())


def _tokens(body: str) -> Iterator[tuple[str, int, int]]:
    """Return kind, begin and end of every token; what is not closed goes on to the end of the file."""
    position = 0
    while position < len(body):
        found = _TOKEN.match(body, position)
        assert found is not None
        kind, end = str(found.lastgroup), found.end()
        if kind == "nested":
            kind, end = "comment", _after_comment(body, end)
        elif kind == "dollar":
            close = body.find(found.group(), end)
            kind, end = "quoted", len(body) if close < 0 else close + len(found.group())
        elif kind == "other" and found.group() in "'\"":
            kind, end = "quoted", len(body)
        yield kind, position, end
        position = end


def _after_comment(body: str, position: int) -> int:
    depth = 1
    while depth:
        found = _NESTED.search(body, position)
        if found is None:
            return len(body)
        depth += 1 if found.group() == "/*" else -1
        position = found.end()
    return position


class _Ends:
    """Whether a semicolon ends the statement: not in parentheses, and not in a body between BEGIN ATOMIC and its END."""

    def __init__(self) -> None:
        self._parentheses = 0
        self._blocks = 0
        self._words: list[str] = []

    def here(self) -> bool:
        return not self._parentheses and not self._blocks

    def pass_by(self, kind: str, piece: str) -> None:
        """Count what opens and closes."""
        if kind == "other":
            self._parentheses += {"(": 1, ")": -1}.get(piece, 0)
        if kind != "word":
            return
        word = piece.upper()
        if self._blocks:
            self._blocks += {"CASE": 1, "END": -1}.get(word, 0)
        elif word == "ATOMIC" and self._words[-1:] == ["BEGIN"] and self._words[0] == "CREATE":
            self._blocks = 1
        # The first and the last one are enough.
        self._words = [*self._words[:1], word]
