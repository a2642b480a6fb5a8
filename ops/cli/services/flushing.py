"""Before Milvus is stopped, it writes to its storage what it holds in memory: its next start has less to read from its log."""

from collections.abc import Sequence

from ops.cli.errors import CommandError
from ops.cli.printer import Printer
from ops.cli.services import jobs
from ops.cli.services.containers import Servers

_MILVUS = "milvus"
_SECONDS = 60.0


def flush(printer: Printer, stack: Servers, names: Sequence[str]) -> None:
    """Flush Milvus if it is to be stopped and answers; that it cannot keeps nobody from stopping it."""
    from docker.errors import DockerException

    from init.resources.job import JobError

    if _MILVUS not in names or _MILVUS not in stack.found or stack.found[_MILVUS].state != "healthy":
        return
    try:
        job = jobs.described(stack.stack)
        engines = {_MILVUS: job["engines"][_MILVUS]}
        found = jobs.ask({**job, "engines": engines}, "flush", seconds=_SECONDS)
        printer.progress(f"milvus: {found[_MILVUS]['collections']} collections flushed")
    except (CommandError, JobError, DockerException, KeyError) as error:
        printer.progress(f"milvus: not flushed, and read from its log at the next start: {error}")
