"""What a job of backups tells while it runs, shown as it comes: a line for each engine on a terminal, lines elsewhere."""

import re
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn

# Elsewhere than on a terminal, an engine's progress is one line in so many seconds at most.
_QUIET_SECONDS = 5.0
_PARTS = re.compile(r"(\d+(?:\.\d+)?) of (\d+(?:\.\d+)?)")


class Reporter:
    """Takes lines such as `redis: 3 of 12 MB`; what stands before the colon is whose line it is."""

    def __init__(self, progress: Progress | None = None, *, quiet: bool = False) -> None:
        """Without a `progress` lines are printed; `quiet` shows nothing at all."""
        self._progress, self._quiet = progress, quiet
        self._tasks: dict[str, TaskID] = {}
        self._told: dict[str, float] = {}

    def tell(self, line: str) -> None:
        """Show a line."""
        name, _, text = line.partition(": ")
        if self._progress is not None and text:
            self._show(name, text)
        elif self._quiet:
            return
        elif time.monotonic() - self._told.get(name, -_QUIET_SECONDS) >= _QUIET_SECONDS or not _PARTS.search(text):
            self._told[name] = time.monotonic()
            print(line, file=sys.stderr, flush=True)

    def _show(self, name: str, text: str) -> None:
        assert self._progress is not None
        if name not in self._tasks:
            self._tasks[name] = self._progress.add_task(name, total=None, text="")
        parts = _PARTS.search(text)
        if parts:
            self._progress.update(
                self._tasks[name], completed=float(parts[1]), total=max(float(parts[2]), 1.0), text=text
            )
        else:
            self._progress.update(self._tasks[name], text=text)


@contextmanager
def reporter(*, quiet: bool = False) -> Iterator[Reporter]:
    """Provide one that draws on standard error while it is a terminal; `quiet` prints lines there all the same."""
    console = Console(stderr=True)
    if quiet or not console.is_terminal:
        yield Reporter()
        return
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description:<14}", markup=False),
        BarColumn(bar_width=24),
        TimeElapsedColumn(),
        TextColumn("{task.fields[text]}", markup=False),
    )
    with Progress(*columns, console=console) as progress:
        yield Reporter(progress)
