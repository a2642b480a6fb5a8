"""Milvus: versioned collections behind aliases. A migration is a Python literal, read and never executed.

Milvus has no transactions. A collection carries the migration that made it in its description, so that a run that was
cut off is recognized and completed; every step may be repeated.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

from pymilvus import DataType, MilvusClient

from init.engines import milvus_access, milvus_flush, milvus_wipe
from init.engines import milvus_changes as changes
from init.engines import milvus_collections as collections
from init.engines.base import Accounts, Count, Engine, Seeds, Work, required, retry
from init.engines.milvus_collections import ERRORS, SERVICE, Facts, is_transient
from init.engines.milvus_ledger import Ledger
from init.engines.milvus_lock import refusing_writes
from init.migrations import LedgerEntry, Script
from init.protocol import Failure

_TIMEOUT_SECONDS = 10
_LOAD_TIMEOUT_SECONDS = 120
_FIX = "look at the Milvus container's log"


class Driver(Engine):
    """Milvus through pymilvus."""

    _client: MilvusClient
    _ledger: Ledger
    _version: str
    _authorization: bool
    _connection: Mapping[str, Any]
    _loading: set[str]

    def connect(self, connection: Mapping[str, Any]) -> None:
        """Connect; with authorization on, also give root its password, and the application of `app_user` its rights."""
        self._loading, self._connection = set(), connection
        self._authorization = required(connection, "authorization", bool)
        self._client = self._patiently(
            lambda: milvus_access.connect(connection, timeout=_TIMEOUT_SECONDS),
        )
        self._version = self._patiently(self._client.get_server_version)
        self._ledger = Ledger(self._client)
        if connection.get("app_user") and not connection.get("must_exist"):
            # Before migrations, which may take its rights for a while; what one that was cut off has taken, it gets back.
            following = connection.get("app_next_password")
            account = {"user": connection["app_user"], "password": connection["app_password"]}
            self.grant([{**account, "next_password": following}])

    def server_version(self) -> str:
        """Return the server's version without its build's name."""
        return self._version.removeprefix("v").split("-")[0]

    def ledger(self) -> tuple[LedgerEntry, ...]:
        """Read the newest ledger; a fresh server has none."""
        entries: tuple[LedgerEntry, ...] = self._call(self._ledger.read)
        return entries

    def write(self, entry: LedgerEntry, replacing: LedgerEntry | None) -> None:
        """Record an entry in a new ledger, made in the place of the one that was read."""
        self._once(lambda: self._ledger.write(entry, replacing))

    def remove(self, entry: LedgerEntry) -> None:
        """Take an entry out in the same way."""
        self._once(lambda: self._ledger.remove(entry))

    def check(self, script: Script) -> None:
        """Refuse a script that is wrong, or that does not fit the collections and aliases that are there."""
        self._call(changes.check, self._client, script)

    def execute(self, script: Script, work: Work) -> None:
        """Make, replace or remove collections; what was replaced is kept until that is confirmed."""
        refusing = partial(refusing_writes, self._client, self._connection) if self._authorization else None
        self._loading |= changes.Changes(self._client, script, work, refusing).run()

    def objects(self) -> dict[str, str]:
        """Return our collections, their fields, indexes and aliases."""
        found: dict[str, str] = self._call(lambda: collections.objects(self._client, collections.survey(self._client)))
        return found

    def kept(self) -> dict[str, int]:
        """Return the old versions that changes have kept, with about how many rows they hold."""
        names = collections.kept(self._call(collections.survey, self._client))
        counts = {}
        for name in names:
            try:
                counts[name] = int(self._call(self._client.get_collection_stats, name)["row_count"])
            except Failure:
                # Somebody has dropped it meanwhile.
                if self._call(self._client.has_collection, name):
                    raise
        return counts

    def drop_kept(self, names: Sequence[str]) -> None:
        """Drop old versions for good; anything else is refused before the first one goes."""
        found: Mapping[str, Facts] = self._call(collections.survey, self._client)
        kept = collections.kept(found)
        other = [name for name in names if name not in kept]
        if other:
            message = f"{SERVICE}: {other[0]} is no old version; allowed: {', '.join(kept) or 'none is kept'}"
            raise Failure("NotKept", message, "name what ./karen migrate status shows as kept")
        for name in names:
            self._once(partial(collections.drop, self._client, found[name]))

    def seed(self, seeds: Seeds) -> dict[str, int]:
        """Add nothing, but wait until the collections that were just made are in memory: the stack is then ready."""
        if self._loading:
            current = {one.name for one in collections.ours(self._call(collections.survey, self._client))}
            for name in self._loading & current:
                self._client.load_collection(name, timeout=_LOAD_TIMEOUT_SECONDS)
        self._loading = set()
        return {}

    def probe(self) -> None:
        """Search one of our collections; without any, list them. Loading says that they are not in memory, as after a start."""
        ours = collections.ours(self._call(collections.survey, self._client))
        for one in ours[:1]:
            try:
                self._search(one)
            except Failure as failure:
                if not collections.is_loading(failure.message):
                    raise
                fix = "it brings them back after a start; if it does not, restart milvus"
                raise Failure("Loading", f"{SERVICE}: its collections are not in memory", fix) from None

    def verify(self) -> dict[str, int]:
        """Search every collection and count its entities, by alias."""
        counts = {}
        # Neither an application's own, which it may not have loaded, nor what is kept out of memory.
        for one in collections.ours(self._call(collections.survey, self._client)):
            public = self._search(one)
            answer = self._call(self._client.query, public, filter="", output_fields=["count(*)"])
            counts[public] = int(answer[0]["count(*)"])
        return counts

    def _search(self, one: collections.Facts) -> str:
        """Search a collection by each of its vectors, and return the name that applications use."""
        public = next(iter(one.aliases), one.name)
        for field in one.fields:
            if field["type"] == DataType.FLOAT_VECTOR:
                unit = [1.0] + [0.0] * (int(field["params"]["dim"]) - 1)
                self._call(self._client.search, public, data=[unit], anns_field=field["name"], limit=1)
        return public

    def contents(self) -> Mapping[str, Count]:
        """Count the entities of every collection in every database."""
        counts: Mapping[str, Count] = self._call(milvus_wipe.contents, self._client, self._opened)
        return counts

    def flush(self) -> int:
        """Have every collection of every database written to storage; return how many there are."""
        flushed: int = self._call(milvus_flush.flush, self._client, self._opened)
        return flushed

    def wipe(self) -> None:
        """Drop all aliases, collections and databases."""
        milvus_wipe.wipe(self._client, self._opened)
        self._ledger, self._loading = Ledger(self._client), set()

    @contextmanager
    def _opened(self, database: str) -> Iterator[MilvusClient]:
        """Provide a client of a database."""
        if database == milvus_wipe.DEFAULT:
            yield self._client
            return
        client = milvus_access.connect(self._connection, timeout=_TIMEOUT_SECONDS, database=database)
        try:
            yield client
        finally:
            client.close()

    def grant(self, accounts: Accounts) -> None:
        """Set users and their role; without authorization there are none."""
        for account in accounts if self._authorization else ():
            milvus_access.grant(self._client, self._connection, account, timeout=_TIMEOUT_SECONDS)

    def change(self, account: Mapping[str, Any], former: str) -> None:
        """Set a user's password; the former one is refused from then on."""
        if self._authorization:
            milvus_access.change(self._client, account, former)

    def close(self) -> None:
        """Close the connection."""
        self._client.close()

    def _call(self, function: Any, *arguments: Any, **options: Any) -> Any:
        """Call the client, with patience for a server that is still bringing its collections back."""
        try:
            return self._patiently(lambda: function(*arguments, **options))
        except ERRORS as error:
            raise Failure("VerificationFailed", f"{SERVICE}: {collections.describe(error)}", _FIX) from None

    def _patiently(self, attempt: Any) -> Any:
        return retry(attempt, engine=SERVICE, transient=is_transient, fix=_FIX)

    def _once(self, attempt: Any) -> None:
        """Make a change that must not be made twice; the next run goes on from what it finds."""
        try:
            attempt()
        except ERRORS as error:
            raise Failure("ConnectionFailed", f"{SERVICE}: {collections.describe(error)}", _FIX) from None
