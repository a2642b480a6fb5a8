"""`logs`: what the servers write, merged by time, each line with its server's name."""

import heapq
import re
import threading
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from queue import Queue
from typing import Any

from ops.cli.errors import DONE, NotAsked
from ops.cli.printer import SCHEMA, Printer
from ops.cli.services.containers import Servers, servers
from ops.engine_errors import engine_errors

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_AGO = re.compile(r"(\d+)([smhd])")
_PAUSE_SECONDS = 0.5
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
    try:
        if found := _AGO.fullmatch(text):
            moment = datetime.now(UTC) - timedelta(seconds=int(found[1]) * _UNITS[found[2]])
        else:
            moment = datetime.fromisoformat(text).astimezone(UTC)
    except ValueError:
        raise NotAsked(f"--since is {text!r}; allowed: 90s, 10m, 2h, 1d, or a time such as 2026-01-31T12:00") from None
    except OverflowError:
        moment = datetime.min.replace(tzinfo=UTC)
    # What the engine takes.
    if moment.timestamp() <= 0:
        raise NotAsked(f"--since is {text!r}; allowed: a time after 1970-01-01")
    return moment


def _pattern(text: str | None) -> re.Pattern[str] | None:
    try:
        return re.compile(text, re.IGNORECASE) if text is not None else None
    except re.error as error:
        raise NotAsked(f"--grep is {text!r}: {error}") from None


def _lines(stack: Servers, name: str, since: datetime | None, tail: int, *, follow: bool) -> Iterator[Line]:
    """Yield time, service and text of one server's lines, also of a last one that has no end."""
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
        yield from (_line(name, line) for line in whole)
    if rest:
        yield _line(name, rest)


def _line(name: str, line: bytes) -> Line:
    moment, _, text = line.decode(errors="replace").partition(" ")
    return moment, name, text.rstrip("\r")


def _merged(stack: Servers, names: Sequence[str], since: datetime | None, tail: int) -> Iterator[Line]:
    return heapq.merge(*(_lines(stack, name, since, tail, follow=False) for name in names))


def _followed(stack: Servers, names: Sequence[str], since: datetime | None, tail: int) -> Iterator[Line]:
    """Yield lines as they come; what is there already comes first, in order."""
    began, last = datetime.now(UTC), dict[str, str]()
    for line in _merged(stack, names, since, tail):
        last[line[1]] = line[0]
        yield line
    queue: Queue[Line | Exception | None] = Queue(maxsize=1000)

    def read(name: str) -> None:
        try:
            for line in _coming(stack, name, began, last.get(name, "")):
                queue.put(line)
        except engine_errors() as error:
            queue.put(error)
        finally:
            queue.put(None)

    for name in names:
        threading.Thread(target=read, args=(name,), daemon=True).start()
    for _ in names:
        while (found := queue.get()) is not None:
            if isinstance(found, Exception):
                raise found
            yield found


def _coming(stack: Servers, name: str, began: datetime, last: str) -> Iterator[Line]:
    """Yield a server's lines after the last one that was seen, also when it was started again, until its container is gone.

    Each stream begins where the one before has ended, by the engine's clock, so that no line is between them.
    """
    from docker.errors import NotFound

    while True:
        try:
            for line in _lines(stack, name, _moment(last) or began, 0, follow=True):
                if line[0] > last:
                    last = line[0]
                    yield line
            # While it does not run, a stream ends at once.
            while not stack.client.api.inspect_container(stack.found[name].name)["State"]["Running"]:
                time.sleep(_PAUSE_SECONDS)
        except NotFound:
            return
        time.sleep(_PAUSE_SECONDS)


def _moment(text: str) -> datetime | None:
    """Return a line's time; the engine gives nanoseconds, which are cut off here."""
    try:
        return datetime.fromisoformat(f"{text[:26].rstrip('Z')}+00:00")
    except ValueError:
        return None


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
            document = {"schema": SCHEMA, "stack": printer.stack, "time": moment, "service": name, "text": text}
            print(json.dumps(document), flush=True)
        else:
            console.print(Text.assemble((f"{name:<{width}} ", colours[name]), Text.from_ansi(text)))

    return show
