"""Printing tables, to people and to other programs."""

import sys

from rich.console import Console
from rich.table import Table

# Wider than any line.
_WIDE = 10_000


def show(table: Table) -> None:
    """Print a table in a terminal's width; anywhere else as wide as it is, so that each row is one line."""
    Console(width=None if sys.stdout.isatty() else _WIDE).print(table)
