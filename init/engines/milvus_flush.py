"""Writing to storage what Milvus holds in memory."""

from pymilvus import MilvusClient

from init.engines.milvus_wipe import Open

_FLUSH_SECONDS = 30.0


def flush(client: MilvusClient, opened: Open) -> int:
    """Flush every collection of every database, each in half a minute; return how many there are."""
    flushed = 0
    for database in client.list_databases():
        with opened(database) as one:
            for name in one.list_collections():
                one.flush(name, timeout=_FLUSH_SECONDS)
                flushed += 1
    return flushed
