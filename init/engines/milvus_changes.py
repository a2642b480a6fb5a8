"""What a migration does to the collections: makes one, puts a copy in the place of one, removes some.

Everything up to the switch of the alias can be put back; what comes after it is finished by the next run if it is cut off.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext

from pymilvus import MilvusClient, MilvusException

from init.definitions import Collection, Removal
from init.engines import milvus_collections as collections
from init.engines.base import Work, failed
from init.engines.milvus_collections import ERRORS, SERVICE, Facts
from init.engines.milvus_copy import Copy, Refused
from init.engines.milvus_refusals import is_switched, read, refuse
from init.migrations import Script
from init.protocol import Failure

# The client has no name for this code of Milvus 2.3.
_ALIAS_EXISTS = 1602
_AGAIN = "run the same command again: it goes on where it was"
# A write that found the old collection behind the alias just before the switch is done by then.
_SETTLE_SECONDS = 1.0


def check(client: MilvusClient, script: Script) -> None:
    """Refuse a script that is wrong, or that does not fit what is there; MigrationFailed says why."""
    refuse(script, read(script), collections.survey(client))


class Changes:
    """One run of a script. MigrationFailed: all is as it was. Any other failure: the next run goes on."""

    def __init__(
        self,
        client: MilvusClient,
        script: Script,
        work: Work,
        refusing: Callable[[], AbstractContextManager[None]] | None = None,
    ) -> None:
        """`refusing` returns a context in which the application may not write, where the server can forbid that."""
        self._client, self._script, self._work, self._refusing = client, script, work, refusing
        self._found: Mapping[str, Facts] = {}

    def run(self) -> set[str]:
        """Do what the script says; return the collections that are being loaded."""
        definition = read(self._script)
        try:
            self._found = collections.survey(self._client)
            refuse(self._script, definition, self._found)
            if isinstance(definition, Removal):
                self._remove(definition)
                return set()
            if definition.replaces:
                self._replace(definition)
            else:
                self._make(definition)
        except ERRORS as error:
            raise self._cut_off(error) from None
        return {definition.name}

    def _make(self, definition: Collection) -> None:
        """Make a collection with its indexes and alias, and start to load it; every step may be repeated."""
        made = collections.description(definition, self._work)
        there = self._found.get(definition.name)
        if there and there.description != made:
            raise failed(
                SERVICE, self._script, f"collection {there.name} was made by an earlier text of this migration"
            )
        with self._revocable(definition):
            self._work.begin(f"create {definition.name}")
            collections.create(self._client, definition, made)
            collections.load(self._client, definition)
            self._work.begin(f"point {definition.alias} to {definition.name}")
            try:
                self._client.create_alias(definition.name, definition.alias)
            except MilvusException as error:
                if error.code != _ALIAS_EXISTS:
                    raise
                # It is left over from a collection that was dropped, and points to nothing.
                self._client.alter_alias(definition.name, definition.alias)

    def _replace(self, definition: Collection) -> None:
        """Put a copy in the place of a collection, and bring over what was written meanwhile."""
        old = self._found.get(definition.replaces)
        if not is_switched(definition, self._found, self._work.entry.name, way_back=self._work.reverting):
            assert old is not None
            copy = Copy(self._client, definition, old, self._work, self._script.options.timeout)
            with self._revocable(definition), self._refusing() if self._refusing else nullcontext():
                self._make_room(definition)
                copy.fill(self._made(definition, old))
                self._work.begin(f"switch {definition.alias} from {old.name} to {definition.name}")
                self._client.alter_alias(definition.name, definition.alias)
            time.sleep(_SETTLE_SECONDS)
            copy.catch_up()
        elif old and old.number < self._found[definition.name].number:
            Copy(self._client, definition, old, self._work, None).catch_up()
        self._let_go(definition.replaces)

    def _let_go(self, name: str) -> None:
        """Keep the replaced collection, out of memory; on the way back remove it, for its rows are in the other one."""
        old = collections.survey(self._client).get(name)
        if old is None or old.aliases or not old.migration:
            return
        if self._work.reverting:
            self._work.begin(f"remove {name}")
            collections.drop(self._client, old)
        else:
            self._work.begin(f"keep {name} until that is confirmed, out of memory")
            # So that its rows are all counted; nobody needs to wait for it.
            self._client.flush(name, _async=True)
            self._client.release_collection(name)

    def _made(self, definition: Collection, old: Facts) -> str:
        older = [name for name in old.replaces if name != definition.name]
        return collections.description(definition, self._work, older if self._work.reverting else [old.name, *older])

    def _make_room(self, definition: Collection) -> None:
        """Drop what has the new name: a half-made copy, or on the way back an old version, which the newer one holds."""
        there = self._found.get(definition.name)
        if there:
            self._work.begin(f"drop {there.name}, which is made anew")
            collections.drop(self._client, there)

    def _remove(self, removal: Removal) -> None:
        for name in removal.names:
            if name in self._found:
                self._work.begin(f"remove {name}")
                collections.drop(self._client, self._found[name])

    @contextmanager
    def _revocable(self, definition: Collection) -> Iterator[None]:
        """On a failure, leave everything as it was before; from a server that is gone, the next run goes on."""
        try:
            yield
        except Refused as error:
            raise self._put_back(definition, failed(SERVICE, self._script, str(error))) from None
        except ERRORS as error:
            if collections.is_transient(error):
                raise self._cut_off(error) from None
            told = failed(SERVICE, self._script, collections.describe(error))
            raise self._put_back(definition, told) from None

    def _put_back(self, definition: Collection, told: Failure) -> Failure:
        """Drop what this migration has made, unless applications have it already; return what is to be told."""
        try:
            there = collections.survey(self._client).get(definition.name)
            if there and definition.alias in there.aliases:
                return Failure("MigrationInterrupted", told.message, _AGAIN)
            if there and there.migration == self._work.entry.name:
                self._work.begin(f"remove {definition.name}")
                collections.drop(self._client, there)
        except ERRORS as error:
            return self._cut_off(error)
        return told

    def _cut_off(self, error: Exception) -> Failure:
        kind = "ConnectionFailed" if collections.is_transient(error) else "MigrationInterrupted"
        return Failure(kind, f"{SERVICE}/{self._script.file}: {collections.describe(error)}", _AGAIN)
