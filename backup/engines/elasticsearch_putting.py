"""Bringing a set's part into Elasticsearch: what was unpacked is tried, put in place of what is there, and compared."""

from collections.abc import Mapping
from typing import Any

from elastic_transport import ApiError

from backup.engines import elasticsearch_extras as extras
from backup.engines import elasticsearch_pages as pages
from backup.engines import elasticsearch_snapshot as snapshot
from backup.engines import elasticsearch_taking as taking
from backup.engines import elasticsearch_trial as trial
from backup.engines.base import digest
from backup.engines.elasticsearch_journal import DIRECTORY
from backup.engines.elasticsearch_server import RESTORING, SERVICE, Server
from backup.engines.elasticsearch_snapshot import Progress
from backup.model import Taken
from init.engines import elasticsearch_wipe
from init.protocol import Failure

# Somebody who writes to a name that was just deleted makes an index of it again.
_ATTEMPTS = 5
_TAKEN = "same name"


def register(server: Server, set_id: str) -> None:
    """Make the unpacked repository known to the server, which only reads it."""
    snapshot.register(server, snapshot.RESTORED, f"{DIRECTORY}/{set_id}/repository", read_only=True)


def clear(server: Server) -> None:
    """Let the server forget what a restore has made beside the data."""
    server.sweep(RESTORING)
    snapshot.unregister(server, snapshot.RESTORED)


def compare_snapshot(server: Server, taken: Taken, progress: Progress) -> None:
    """Restore every index for a while, and raise Mismatch with the first that is not what was taken."""
    report = taking.Counting(progress)
    found = server.client.snapshot.get(repository=snapshot.RESTORED, snapshot=snapshot.SNAPSHOT)["snapshots"][0]
    _same("the set", sorted(found["indices"]), taken.details["indices"])
    for number, name in enumerate(taken.details["indices"]):
        one = trial.summed(server, snapshot.RESTORED, name, f"{RESTORING}{number:04d}", report)
        _same(f"index {name} of the set", _told(one), _expected(taken, name))


def exchange(server: Server, taken: Taken, beside: Mapping[str, Any], progress: Progress) -> None:
    """Delete every index and stream that is not the server's own, and restore the snapshot's with their aliases."""
    indices = taken.details["indices"]
    for attempt in range(_ATTEMPTS):
        elasticsearch_wipe.wipe(server.client)
        extras.put(server.client, beside)
        try:
            trial.restore(server, snapshot.RESTORED, taken.details["named"], indices, progress)
        except ApiError as error:
            if _TAKEN not in str(error) or attempt == _ATTEMPTS - 1:
                raise
        else:
            return


def compare(server: Server, taken: Taken, progress: Progress) -> None:
    """Raise Mismatch with the first index or alias that is not what was taken."""
    report = taking.Counting(progress)
    contents = server.contents()
    _same("the list of indices", list(contents.indices), taken.details["indices"])
    for name in contents.indices:
        one = pages.summed(server, name, report)
        assert one is not None
        _same(f"index {name}", _told(one), _expected(taken, name))
    aliases = {name: one for name, one in server.aliases().items() if name in contents.indices}
    _same("the list of aliases", aliases, taken.details["aliases"])


def release(server: Server, taken: Taken) -> None:
    """Take away what closed the restored indices to writes; each that is there is blocked and closed as it was when it was taken."""
    for name in sorted({*server.contents().indices} & {*taken.details["indices"]}):
        blocks = {**dict.fromkeys(trial.READABLE), **taken.details["blocks"].get(name, {})}
        if name in taken.details["closed"]:
            server.client.indices.close(index=name)
        server.client.indices.put_settings(index=name, settings=blocks, expand_wildcards="all")


def _told(one: pages.Sum) -> dict[str, Any]:
    return {"documents": one.documents, "checksum": digest(one.total)}


def _expected(taken: Taken, name: str) -> Mapping[str, Any]:
    unreadable: Mapping[str, Any] | None = taken.details["unreadable"].get(name)
    return unreadable or {"documents": taken.counts[name], "checksum": taken.checksums[name]}


def _same(what: str, found: object, expected: object) -> None:
    if found != expected:
        message = f"{SERVICE}: {what} is {found}, was {expected} when it was taken"
        raise Failure("Mismatch", message, "restore the set again")
