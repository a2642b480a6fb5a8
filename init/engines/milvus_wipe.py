"""Emptying Milvus: the aliases and collections of every database, and the databases. Users and roles stay."""

from collections.abc import Callable
from contextlib import AbstractContextManager

from pymilvus import MilvusClient
from pymilvus.client.types import LoadState

from init.engines.base import Count, not_wiped
from init.engines.milvus_collections import ERRORS, SERVICE, describe
from init.engines.milvus_ledger import PREFIX

DEFAULT = "default"
# A client cannot change its database in Milvus 2.3.5: each has one of its own.
Open = Callable[[str], AbstractContextManager[MilvusClient]]


def contents(client: MilvusClient, opened: Open) -> dict[str, Count]:
    """Count entities by alias or collection, with `database/` in front of what is not in the default one.

    Of a collection that is not in memory, the server tells only what it has written to its storage.
    """
    counts: dict[str, Count] = {}
    for database in client.list_databases():
        with opened(database) as one:
            for name in one.list_collections():
                if not name.startswith(PREFIX):
                    public = next(iter(sorted(one.describe_collection(name)["aliases"])), name)
                    counts[public if database == DEFAULT else f"{database}/{public}"] = _entities(one, name)
    return counts


def wipe(client: MilvusClient, opened: Open) -> None:
    """Drop the ledger, then every other collection after its aliases, and the databases that somebody has made.

    WipeFailed if it cannot be.
    """
    try:
        for database in client.list_databases():
            with opened(database) as one:
                _drop(one)
            if database != DEFAULT:
                client.drop_database(database)
    except ERRORS as error:
        raise not_wiped(SERVICE, describe(error)) from None


def _drop(client: MilvusClient) -> None:
    # Without its ledger, what is left is made again by the next migration.
    for name in sorted(client.list_collections(), key=lambda name: not name.startswith(PREFIX)):
        # An alias would stay and point to nothing.
        for alias in client.describe_collection(name)["aliases"]:
            client.drop_alias(alias)
        client.drop_collection(name)


def _entities(client: MilvusClient, name: str) -> Count:
    if client.get_load_state(name)["state"] != LoadState.Loaded:
        written = int(client.get_collection_stats(name)["row_count"])
        return {"at_least": written} if written else None
    answer = client.query(name, filter="", output_fields=["count(*)"], consistency_level="Strong")
    return int(answer[0]["count(*)"])
