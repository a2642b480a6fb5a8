"""What a migration does to the indices: makes new ones, puts copies in the place of old ones in one step, removes.

Everything up to the switch can be put back; everything after it is finished by the next run if this one is cut off.
"""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from elastic_transport import ApiError, TransportError
from elasticsearch import BadRequestError, Elasticsearch

from init.engines import elasticsearch_indices as indices
from init.engines.base import Work, failed
from init.engines.elasticsearch_copy import Copy, Refused, delete
from init.engines.elasticsearch_refusals import is_switched, refuse
from init.engines.elasticsearch_script import SERVICE, Definition, Document, is_way_back, migration_of, parse
from init.migrations import Script
from init.protocol import Failure

_AGAIN = "run the same command again: it goes on where it was"


def check(client: Elasticsearch, script: Script) -> None:
    """Refuse a script that is wrong, or that does not fit what is there; MigrationFailed says why."""
    document = parse(script)
    refuse(script, document, indices.read(client, document.names), migration_of(script), way_back=is_way_back(script))


def execute(client: Elasticsearch, script: Script, work: Work) -> None:
    """Do what a script says. MigrationFailed: all is as it was. Any other Failure: the next run goes on."""
    document = parse(script)
    found = indices.read(client, document.names)
    refuse(script, document, found, work.entry.name, way_back=work.reverting)
    open_ = [one for one in document.replacing if not is_switched(one, found, work.entry.name)]
    _Execution(client, script, work).run(document, open_)


class _Execution:
    """One run of a script; remembers what it has made."""

    def __init__(self, client: Elasticsearch, script: Script, work: Work) -> None:
        self._client = client
        self._script = script
        self._work = work
        self._copies: list[Copy] = []
        self._made: list[str] = []

    def run(self, document: Document, open_: Sequence[Definition]) -> None:
        """Copy, make, switch, and then remove or keep what is old."""
        self._revocably(lambda: self._prepare(document, open_))
        if open_:
            self._switch(open_)
        try:
            self._finish(document)
        except (ApiError, TransportError) as error:
            raise self._cut_off(error) from None

    def _prepare(self, document: Document, open_: Sequence[Definition]) -> None:
        for definition in open_:
            copy = Copy(self._client, definition, self._work, self._script.options.timeout)
            self._copies.append(copy)
            copy.fill()
        if document.new:
            self._work.begin(f"create {', '.join(one.index for one in document.new)}")
            # The server makes several indices in little more time than one.
            with ThreadPoolExecutor() as pool:
                jobs = [pool.submit(self._create, definition) for definition in document.new]
            for job in jobs:
                job.result()

    def _create(self, definition: Definition) -> None:
        """Create an index; one that this very migration made before it was cut off is taken as it is."""
        name = definition.index
        try:
            self._client.indices.create(
                index=name,
                settings=definition.settings,
                mappings={**definition.mappings, "_meta": self._work.made_by},
                aliases={definition.alias: {"is_write_index": True}},
                # What comes next need not wait for the shard to start; the verification waits for health.
                wait_for_active_shards=0,
            )
            self._made.append(name)
        except BadRequestError as error:
            if error.error != "resource_already_exists_exception":
                raise
            if indices.read(self._client, [name])[name].meta != self._work.made_by:
                raise Refused(f"index {name} exists and was not made by this migration") from None

    def _switch(self, definitions: Sequence[Definition]) -> None:
        """Give the aliases of the old indices to the new ones, all in one step."""
        names = ", ".join(f"{one.alias} from {one.replaces} to {one.index}" for one in definitions)
        self._work.begin(f"switch {names}")
        old = indices.read(self._client, [one.replaces for one in definitions])
        actions: list[Mapping[str, Any]] = [
            action
            for one in definitions
            for alias, facts in old[one.replaces].aliases.items()
            for action in (
                {"remove": {"index": one.replaces, "alias": alias, "must_exist": True}},
                {"add": {"index": one.index, "alias": alias, **facts}},
            )
        ]
        try:
            self._client.indices.update_aliases(actions=actions)
        except TransportError as error:
            # Whether the step was done is for the next run to find out.
            raise self._cut_off(error) from None
        except ApiError as error:
            self._put_back()
            raise failed(SERVICE, self._script, indices.describe(error)) from None

    def _finish(self, document: Document) -> None:
        """Keep each replaced index until that is confirmed; on the way back it goes, for its contents are in the other."""
        found = indices.read(self._client, document.names)
        for one in document.replacing:
            old = found.get(one.replaces)
            if old and self._work.reverting:
                self._work.begin(f"remove {one.replaces}")
                delete(self._client, one.replaces)
            elif old and not old.kept_by:
                self._work.begin(f"keep {one.replaces}")
                mark = {**old.meta, "kept_by": self._work.entry.name}
                self._client.indices.put_mapping(index=one.replaces, meta=mark)
        for name in document.remove:
            if name in found:
                self._work.begin(f"remove {name}")
                delete(self._client, name)

    def _revocably(self, attempt: Callable[[], None]) -> None:
        try:
            attempt()
        except (Refused, ApiError) as error:
            self._put_back()
            reason = str(error) if isinstance(error, Refused) else indices.describe(error)
            raise failed(SERVICE, self._script, reason) from None
        except TransportError as error:
            self._put_back()
            raise self._cut_off(error) from None

    def _put_back(self) -> None:
        """Leave everything as it was before this run."""
        try:
            for copy in self._copies:
                copy.undo()
            for name in self._made:
                self._work.begin(f"remove {name} again")
                delete(self._client, name)
        except (ApiError, TransportError) as error:
            raise self._cut_off(error) from None

    def _cut_off(self, error: ApiError | TransportError) -> Failure:
        return Failure("ConnectionFailed", f"{SERVICE}/{self._script.file}: {indices.describe(error)}", _AGAIN)
