"""What is printed to a terminal, with colours and without, and to another program."""

import os
import pty
import re
import subprocess
import sys

import pytest

from bootstrap import places

# What a command prints: a table, and a server's line, which has colours of its own.
PROGRAM = """
from rich.table import Table
from ops.cli.printer import Printer
from ops.cli.services.logs import _shower

table = Table("name", "value")
table.add_row("[green]wide[/]", "x" * 500)
printer = Printer("dev")
printer.table(table)
_shower(printer, ["redis"])(("2026-01-31T12:00:00Z", "redis", "\\x1b[31mred\\x1b[0m " + "y" * 500))
"""
COLOUR = re.compile(r"\x1b\[[0-9;]*3[0-7]")


def printed(output: int, **variables: str) -> None:
    ours = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "FORCE_COLOR", "NO_COLOR")}
    subprocess.run(
        [sys.executable, "-c", PROGRAM],
        cwd=places.CHECKOUT, env={**ours, "TERM": "xterm", **variables}, stdout=output, stdin=subprocess.DEVNULL, check=True,
    )  # fmt: skip


def on_a_terminal(**variables: str) -> str:
    reading, writing = pty.openpty()
    try:
        printed(writing, **variables)
        return os.read(reading, 64 * 1024).decode()
    finally:
        os.close(writing)
        os.close(reading)


def test_a_terminal_has_colours_unless_they_are_not_wanted() -> None:
    # A cell, a name, and what the server itself has coloured; the rest of its line has none.
    assert COLOUR.findall(on_a_terminal()) == ["\x1b[32", "\x1b[36", "\x1b[31"]
    assert COLOUR.findall(on_a_terminal(NO_COLOR="1")) == []


@pytest.mark.parametrize("variables", [{}, {"NO_COLOR": "1"}])
def test_another_program_gets_every_row_whole_and_in_one_line(variables: dict[str, str]) -> None:
    reading, writing = os.pipe()
    with os.fdopen(reading, encoding="utf-8") as source:
        try:
            printed(writing, **variables)
        finally:
            os.close(writing)
        text = source.read()
    assert "\x1b" not in text
    assert [line.count("x") for line in text.splitlines() if "wide" in line] == [500]
    assert text.splitlines()[-1] == f"redis red {'y' * 500}"
