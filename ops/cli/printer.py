"""What a command prints: results to standard output, as sentences or as one JSON document; progress to standard error."""

import json
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ops.audit.current import note
from ops.cli.errors import Refused
from ops.for_stack import everywhere, for_stack

if TYPE_CHECKING:
    from rich.table import Table

# The version of every JSON document; it changes when a key changes its meaning or is gone.
SCHEMA = 1


class Printer:
    """One command's output."""

    def __init__(self, stack: str, *, as_json: bool = False) -> None:
        self.stack = stack
        self.as_json = as_json

    def say(self, text: str) -> None:
        """Print a line for people, who may be asked for leave also where a document is wanted."""
        print(for_stack(text, self.stack), file=sys.stderr if self.as_json else sys.stdout, flush=True)

    def progress(self, text: str) -> None:
        """Print a line about what happens now."""
        print(text, file=sys.stderr, flush=True)

    def table(self, table: "Table") -> None:
        """Print a table for people."""
        if not self.as_json:
            from ops.tables import show

            show(table)

    def end(self, sentence: str, document: Mapping[str, Any]) -> None:
        """Print the last sentence, or the document with it."""
        note(document)
        if self.as_json:
            whole = {"schema": SCHEMA, "stack": self.stack, **everywhere(dict(document), self.stack)}
            print(json.dumps({**whole, "message": for_stack(sentence, self.stack)}, indent=2), flush=True)
        else:
            print(for_stack(sentence, self.stack), flush=True)

    def fail(self, sentence: str, code: int) -> None:
        """Print why the command ends here."""
        sentence = for_stack(sentence, self.stack)
        if self.as_json:
            print(json.dumps({"schema": SCHEMA, "stack": self.stack, "error": sentence, "exit": code}, indent=2))
        else:
            print(sentence, file=sys.stderr, flush=True)

    def agree(self, question: str, *, yes: bool) -> None:
        """Return when the user agrees; Refused otherwise."""
        if not yes and self._ask(f"{question} [y/N] ").lower() not in ("y", "yes"):
            raise Refused("Not agreed to: nothing was changed.")

    def agree_by_name(self, name: str, *, yes: bool, option: str = "--yes") -> None:
        """Return when the user types the name; Refused otherwise. `option` is what a script says instead."""
        if not yes:
            typed = self._ask(f"Type {name} to go on: ", option)
            if typed != name:
                raise Refused(f"{typed!r} is not {name!r}: nothing was changed.")

    def _ask(self, question: str, option: str = "--yes") -> str:
        if not sys.stdin.isatty():
            raise Refused(f"There is no terminal to ask for leave: nothing was changed. Fix: add {option}")
        print(question, end="", file=sys.stderr, flush=True)
        return sys.stdin.readline().strip()
