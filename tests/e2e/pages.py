"""A Markdown page as its reader uses it: the blocks of its sections, in their order."""

import os
import re
import subprocess
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from bootstrap import places

SHELL, PYTHON = "sh", "python"
_FENCE = re.compile(r"^```(.*)$")
_SECONDS = 400.0


@dataclass(frozen=True)
class Block:
    """What stands between two fences; `line` is the number of its first line in the page, from 1."""

    language: str
    text: str
    line: int


@dataclass
class Section:
    """A heading of the second level: `blocks` are what is to be run, `done` is how many of them were."""

    title: str
    blocks: list[Block] = field(default_factory=list)
    done: int = 0

    def next(self) -> Block:
        """Return the next block, which then counts as run."""
        self.done += 1
        return self.blocks[self.done - 1]

    def run(self, variables: Mapping[str, str], *, codes: Iterable[int] = (0,)) -> str:
        """Run the next block in a shell in the checkout, with more variables; see `shell`."""
        return shell(self.next(), places.CHECKOUT, {**os.environ, **variables}, codes=codes)


def shell(block: Block, directory: Path, variables: Mapping[str, str], *, codes: Iterable[int] = (0,)) -> str:
    """Run a block in a shell and return what it printed; AssertionError if it ends otherwise, or lacks a variable."""
    ended = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", block.text],
        cwd=directory,
        env={**variables, "NO_COLOR": "1", "COLUMNS": "200"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=_SECONDS,
    )
    told = f"line {block.line}: {block.text}\nended with {ended.returncode}\n{ended.stdout}"
    assert ended.returncode in tuple(codes), told
    return ended.stdout


def sections(page: Path, *, languages: Collection[str] = (SHELL,)) -> dict[str, Section]:
    """Return the sections of a page that have blocks; ValueError for a block of another language, or before all of them."""
    found: list[Section] = []
    language, lines, begin = "", list[str](), 0
    for number, line in enumerate(page.read_text(encoding="utf-8").splitlines(), 1):
        fence = _FENCE.match(line)
        if fence and not begin:
            language, lines, begin = fence[1], [], number + 1
            if language not in languages or not found:
                raise ValueError(
                    f"{page.name}: a block of {language or 'nothing'}; allowed: {', '.join(languages)}, below a heading"
                )
        elif fence:
            found[-1].blocks.append(Block(language, "\n".join(lines), begin))
            begin = 0
        elif begin:
            lines.append(line)
        elif line.startswith("## "):
            found.append(Section(line.removeprefix("## ")))
    if begin:
        raise ValueError(f"{page.name}: a block is not closed")
    return {one.title: one for one in found if one.blocks}
