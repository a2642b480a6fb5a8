"""`logs`: what the servers write, merged by time, each line with its server's name."""

import heapq
import re
import threading
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from queue import Queue
from typing import Any

from ops.cli.errors import DONE, NotAsked
from ops.cli.printer import Printer
from ops.cli.services.containers import Servers, servers

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_AGO = re.compile(r"(\d+)([smhd])")
_COLOURS = ("cyan", "magenta", "green", "yellow", "blue", "red")
Line = tuple[str, str, str]


def logs(
    printer: Printer, names: Sequence[str], *, follow: bool, since: str | None, pattern: str | None, tail: int
) -> int:
    """Print lines as they are in the logs; with `follow`, go on until interrupted."""
    started, wanted = _since(since), _pattern(pattern)
    with servers(printer.stack) as stack:
        chosen = stack.chosen(names)
        lines = _followed(stack, chosen, started, tail) if follow else _merged(stack, chosen, started, tail)
        show = _shower(printer, chosen)
        for line in lines:
            if wanted is None or wanted.search(line[2]):
                show(line)
    return DONE


def _since(text: str | None) -> datetime | None:
    """Return a time: `10m` ago, or an ISO 8601 one; NotAsked for anything else."""
    if text is None:
        return None
    if found := _AGO.fullmatch(text):
        return datetime.now(UTC) - timedelta(seconds=int(found[1]) * _UNITS[found[2]])
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise NotAsked(f"--since is {text!r}; allowed: 90s, 10m, 2h, 1d, or a time such as 2026-01-31T12:00") from None
    return moment.astimezone(UTC)


def _pattern(text: str | None) -> re.Pattern[str] | None:
    try:
        return re.compile(text, re.IGNORECASE) if text is not None else None
    except re.error as error:
        raise NotAsked(f"--grep is {text!r}: {error}") from None


def _lines(stack: Servers, name: str, since: datetime | None, tail: int, *, follow: bool) -> Iterator[Line]:
    """Yield time, service and text of one server's lines."""
    # Without a beginning, the last lines; with one, all since then.
    count: Any = "all" if since is not None else tail
    stream = stack.client.api.logs(
        stack.found[name].name,
        stream=True,
        follow=follow,
        timestamps=True,
        since=since.timestamp() if since else None,
        tail=count,
    )
    rest = b""
    for chunk in stream:
        *whole, rest = (rest + chunk).split(b"\n")
        for line in whole:
            moment, _, text = line.decode(errors="replace").partition(" ")
            yield moment, name, text.rstrip("\r")


def _merged(stack: Servers, names: Sequence[str], since: datetime | None, tail: int) -> Iterator[Line]:
    return heapq.merge(*(_lines(stack, name, since, tail, follow=False) for name in names))


def _followed(stack: Servers, names: Sequence[str], since: datetime | None, tail: int) -> Iterator[Line]:
    """Yield lines as they come; what is there already comes first, in order."""
    yield from _merged(stack, names, since, tail)
    queue: Queue[Line | None] = Queue(maxsize=1000)
    now = datetime.now(UTC)

    def read(name: str) -> None:
        for line in _lines(stack, name, now, 0, follow=True):
            queue.put(line)
        queue.put(None)

    for name in names:
        threading.Thread(target=read, args=(name,), daemon=True).start()
    for _ in names:
        while (line := queue.get()) is not None:
            yield line


def _shower(printer: Printer, names: Sequence[str]) -> Any:
    """Return what prints a line: as a document each with --json, else coloured where the terminal has colours."""
    import json

    from rich.console import Console
    from rich.text import Text

    console, width = Console(highlight=False, soft_wrap=True), max(map(len, names))
    colours = {name: _COLOURS[number % len(_COLOURS)] for number, name in enumerate(names)}

    def show(line: Line) -> None:
        moment, name, text = line
        if printer.as_json:
            print(json.dumps({"time": moment, "service": name, "text": text}), flush=True)
        else:
            console.print(Text.assemble((f"{name:<{width}} ", colours[name]), Text.from_ansi(text)))

    return show
