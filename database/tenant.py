"""One tenant's view of everything: repositories in a unit of work, memories, recall, documents."""

from functools import cached_property

from database.engine import Engine
from database.manager import DatabaseManager
from database.outbox.elasticsearch import ElasticsearchDestination
from database.outbox.milvus import MilvusDestination
from database.outbox.model import Destination
from database.outbox.write import MemoryWriter
from database.recall import Recall
from database.repositories.documents import ElasticsearchDocuments
from database.repositories.mapping import tenant_name
from database.unit_of_work import UnitOfWork


class Tenant:
    """What one tenant does with a stack's engines; cheap to make, for each request anew or once."""

    def __init__(self, db: DatabaseManager, name: str) -> None:
        """Check the name, 1 to 64 bytes; InvalidInput."""
        self._db = db
        self.name = tenant_name(name)

    def work(self) -> UnitOfWork:
        """Return a unit of work: `async with tenant.work() as work: await work.profiles.put(...)`."""
        return UnitOfWork(
            self._db.postgres.transaction, self.name, destinations=[one.name for one in destinations(self._db)]
        )

    @cached_property
    def memories(self) -> MemoryWriter:
        """Memories, written to PostgreSQL and from there to every engine that is turned on."""
        return MemoryWriter(self._db.postgres.transaction, destinations(self._db), self.name)

    @cached_property
    def recall(self) -> Recall:
        """What is remembered, by text and by vector."""
        return Recall(
            self._db.postgres.transaction, _engine(self._db, "elasticsearch"), _engine(self._db, "milvus"), self.name
        )

    @cached_property
    def documents(self) -> ElasticsearchDocuments:
        """Documents; EngineDisabled without Elasticsearch."""
        return ElasticsearchDocuments(self._db.elasticsearch, self.name)


def destinations(db: DatabaseManager) -> tuple[Destination, ...]:
    """Return the engines that follow PostgreSQL, as far as they are turned on."""
    found: list[Destination] = []
    if (elasticsearch := _engine(db, "elasticsearch")) is not None:
        found.append(ElasticsearchDestination(elasticsearch))
    if (milvus := _engine(db, "milvus")) is not None:
        found.append(MilvusDestination(milvus))
    return tuple(found)


def _engine(db: DatabaseManager, name: str) -> Engine | None:
    engine: Engine | None = getattr(db, name) if name in db.enabled else None
    return engine
