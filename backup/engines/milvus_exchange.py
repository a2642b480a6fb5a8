"""What was loaded is put in its place, and what the set does not have is removed. Every step may be repeated.

A collection of the server goes only when the one that replaces it stands ready beside it, and until that has its name, it
is found again by its own. What replaces nothing and is not in the set goes last.
"""

import time
from collections.abc import Mapping, Sequence
from typing import Any

from pymilvus import MilvusException

from backup.engines.milvus_memory import load, wait_loaded
from backup.engines.milvus_names import EXCHANGING, LOADED, RESTORING, mark, temporary
from backup.engines.milvus_restore import drop, leftovers, stage
from backup.engines.milvus_rows import Tell
from backup.engines.milvus_server import ALIAS_EXISTS, FIX, Server
from backup.engines.milvus_shapes import DEFAULT, Shape, look
from init.engines.base import log
from init.engines.milvus_collections import SERVICE
from init.protocol import Failure

# What was just brought into memory may be left out of answers for a while.
_SERVED_SECONDS = 30.0
_LOOK_SECONDS = 0.5

Place = Mapping[str, Any]


def exchange(server: Server, set_id: str, places: Sequence[Place], databases: Sequence[str], tell: Tell) -> None:
    """Exchange every collection; `places` tell of each its database, name, aliases and loaded partitions, in their order."""
    if stage(server, set_id) == LOADED:
        _rename(server, DEFAULT, mark(set_id, LOADED), mark(set_id, EXCHANGING))
    for number, place in enumerate(places):
        _put(server, temporary(set_id, number), place)
        tell(f"{number + 1} of {len(places)} collections in their place")
    wanted = {(place["database"], place["name"]) for place in places}
    for database in server.databases():
        for name in server.names(database):
            if (database, name) not in wanted and not name.startswith(RESTORING):
                drop(server, database, name)
        if database not in databases:
            _drop_database(server, database)


def finish(server: Server, set_id: str, places: Sequence[Place], counts: Mapping[str, int], tell: Tell) -> None:
    """Wait until in memory is what was; count, if this was just exchanged; drop what is left over."""
    fresh = stage(server, set_id) == EXCHANGING
    for place in places:
        shape = _found(server, place)
        if not place["loaded"]:
            continue
        load(server, shape, tuple(place["loaded"]))
        wait_loaded(server, shape, tell, tuple(place["loaded"]) if set(shape.partitions) - set(place["loaded"]) else ())
        if fresh and set(shape.partitions) <= set(place["loaded"]):
            _count(server, shape, counts[shape.public])
    for database, name in list(leftovers(server)):
        drop(server, database, name)


def _put(server: Server, loaded: str, place: Place) -> None:
    """Give a loaded collection its aliases and its name."""
    database, name = place["database"], place["name"]
    ready = loaded in server.names(database)
    for alias in place["aliases"]:
        _point(server, database, alias, loaded if ready else name)
    if ready:
        drop(server, database, name)
        # Also one that points to nothing any more: no list has it, and the collection would not be found behind it.
        server.do("DropAlias", db_name=database, alias=name)
        _rename(server, database, loaded, name)
    load(server, _found(server, place), tuple(place["loaded"]))


def _point(server: Server, database: str, alias: str, name: str) -> None:
    """Point an alias to a collection, wherever it points now; a collection that has its name gives way."""
    drop(server, database, alias)
    request = {"db_name": database, "collection_name": name, "alias": alias}
    try:
        server.do("CreateAlias", **request)
    except MilvusException as error:
        if error.code != ALIAS_EXISTS:
            raise
        server.do("AlterAlias", **request)


def _rename(server: Server, database: str, old: str, new: str) -> None:
    server.do("RenameCollection", db_name=database, oldName=old, newName=new, newDBName=database)


def _drop_database(server: Server, database: str) -> None:
    if all(name.startswith(RESTORING) for name in server.names(database)):
        for name in server.names(database):
            drop(server, database, name)
        server.do("DropDatabase", db_name=database)


def _found(server: Server, place: Place) -> Shape:
    found = look(server, place["database"], place["name"])
    if found is None:
        message = f"{SERVICE}: collection {place['name']} is not there"
        raise Failure("RestoreFailed", message, "restore again: it was dropped by somebody else")
    return found[1]


def _count(server: Server, shape: Shape, count: int) -> None:
    """Compare how many rows are there by the right name; applications may have written already."""
    deadline = time.monotonic() + _SERVED_SECONDS
    while (found := _served(server, shape)) < count:
        if time.monotonic() > deadline:
            message = f"{SERVICE}: {shape.public} has {found} rows of {count} after its exchange"
            raise Failure("RestoreFailed", message, FIX)
        time.sleep(_LOOK_SECONDS)
    if found > count:
        log(SERVICE, f"{shape.public} has {found - count} rows more than the set: somebody is writing already")


def _served(server: Server, shape: Shape) -> int:
    options = {"output_fields": ["count(*)"], "consistency_level": 0, "use_default_consistency": False}
    return int(server.ask("Query", **shape.place, **options).fields_data[0].scalars.long_data.data[0])
