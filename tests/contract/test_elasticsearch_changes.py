"""Elasticsearch: changes by copy lose nothing, whoever writes, fails or is killed meanwhile."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from elasticsearch import AuthorizationException, Elasticsearch

import init
from init.engines.base import LedgerConflict
from init.engines.elasticsearch import Driver
from init.migrations import Script, load
from init.protocol import Failure
from tests.contract import elasticsearch_steps as steps
from tests.contract.containers import Contract
from tests.contract.elasticsearch_steps import ALIAS, CHANGE, CHANGE_BACK, FIRST, NEW, OLD, entry, run, script
from tests.contract.servers import PASSWORD

pytestmark = pytest.mark.contract
LEDGER = "ai_karen_migrations"
CONFLICT = script("002_notes", indices=[steps.definition(NEW, steps.CONFLICTING_FIELDS, replaces=OLD)])


@pytest.fixture(scope="module")
def url(servers: Contract) -> str:
    return f"http://{servers.address('elasticsearch')}:9200"


@pytest.fixture(scope="module")
def client(url: str) -> Iterator[Elasticsearch]:
    with Elasticsearch(url, basic_auth=("elastic", PASSWORD), max_retries=0) as client:
        yield client


@pytest.fixture
def driver(url: str, client: Elasticsearch) -> Iterator[Driver]:
    """A driver for an empty server, with nothing at work in it afterwards."""
    for name in client.indices.get(index="*"):
        client.indices.delete(index=name)
    with steps.connected(url) as driver:
        yield driver
    client.perform_request("POST", "/_tasks/_cancel", params={"actions": "*reindex", "wait_for_completion": "true"})


@pytest.fixture
def notes(driver: Driver, client: Elasticsearch) -> dict[str, str]:
    """The first migration's index with some thousand documents; their texts by identifier."""
    run(driver, FIRST)
    steps.load(client, steps.documents(2000))
    return steps.contents(client, OLD)


def assert_served_by_the_old_one(client: Elasticsearch, texts: dict[str, str]) -> None:
    assert list(client.indices.get_alias(name=ALIAS)) == [OLD]
    assert not client.indices.exists(index=NEW)
    assert steps.contents(client, ALIAS) == texts
    client.index(index=ALIAS, id="later", document={"text": "later"}, refresh=True)


def test_up_down_and_up_again_is_the_same_schema(driver: Driver) -> None:
    migrations = load(Path(init.__file__).parent / "data" / "elasticsearch")
    dumps = []
    for _ in range(2):
        for migration in migrations:
            run(driver, migration.up)
        dumps.append(driver.objects())
        for migration in reversed(migrations):
            assert migration.down is not None
            run(driver, migration.down)
            run(driver, migration.down)
        assert driver.objects() == {}
    assert dumps[0] == dumps[1]
    assert dumps[0]["alias ai_karen_memory"] == "ai_karen_memory_v001"
    assert '"normalizer":"folded"' in dumps[0]["field ai_karen_memory_v001.query.keyword"]


def test_a_change_keeps_the_contents_and_the_old_index(
    driver: Driver, client: Elasticsearch, notes: dict[str, str]
) -> None:
    run(driver, CHANGE)
    assert list(client.indices.get_alias(name=ALIAS)) == [NEW]
    assert client.indices.get_alias(name=ALIAS)[NEW]["aliases"] == {ALIAS: {"is_write_index": True}}
    assert steps.contents(client, ALIAS) == steps.contents(client, OLD) == notes
    assert driver.kept() == {OLD: len(notes)}
    with pytest.raises(AuthorizationException, match="cluster_block_exception"):
        client.index(index=OLD, document={"text": "too late"})
    assert f"field {NEW}.text.exact" in driver.objects()
    assert not [name for name in driver.objects() if OLD in name]
    assert OLD not in driver.verify()


def test_an_old_version_goes_only_by_its_name_and_only_if_nothing_uses_it(
    driver: Driver, client: Elasticsearch
) -> None:
    run(driver, FIRST)
    run(driver, CHANGE)
    with pytest.raises(Failure, match=f"{NEW} is in use: {ALIAS} points to it"):
        driver.drop_kept([OLD, NEW])
    again = script("003_notes", indices=[steps.definition(OLD, steps.OLD_FIELDS, replaces=NEW)])
    with pytest.raises(Failure, match="kept as an old version since 002_notes") as caught:
        driver.check(again)
    assert "karen migrate confirm elasticsearch" in caught.value.fix
    driver.drop_kept([OLD])
    assert driver.kept() == {}
    assert not client.indices.exists(index=OLD)


def test_the_way_back_brings_schema_and_contents_of_both_times(driver: Driver, client: Elasticsearch) -> None:
    run(driver, FIRST)
    steps.load(client, steps.documents(200))
    texts, before = steps.contents(client, ALIAS), driver.objects()
    run(driver, CHANGE)
    changed = driver.objects()
    client.index(index=ALIAS, id="later", document={"text": "later"}, refresh=True)
    run(driver, CHANGE_BACK)
    assert driver.objects() == before
    assert steps.contents(client, ALIAS) == {**texts, "later": "later"}
    assert driver.kept() == {}
    run(driver, CHANGE)
    assert driver.objects() == changed


def test_a_script_changes_the_documents(driver: Driver, client: Elasticsearch) -> None:
    run(driver, FIRST)
    steps.load(client, steps.documents(10))
    changing = "ctx._source.text = ctx._source.text.toUpperCase()"
    run(driver, script("002_notes", indices=[steps.definition(NEW, steps.NEW_FIELDS, replaces=OLD, script=changing)]))
    assert steps.contents(client, ALIAS)["note-7"] == "NOTE 7"


def test_every_acknowledged_write_is_in_the_new_index(
    driver: Driver, client: Elasticsearch, notes: dict[str, str]
) -> None:
    with steps.Writer(client) as writer:
        writer.wait_for_more()
        run(driver, CHANGE)
        writer.wait_for_more()
    assert writer.refusals == {"cluster_block_exception"}
    client.indices.refresh(index=NEW)
    assert steps.contents(client, NEW) == {**notes, **writer.acknowledged}


def test_a_document_that_does_not_fit_is_named_and_all_is_as_it_was(
    driver: Driver, client: Elasticsearch, notes: dict[str, str]
) -> None:
    client.index(index=ALIAS, id="the-bad-one", document={"text": "bad", "number": "seven"}, refresh=True)
    with pytest.raises(Failure, match=r"the-bad-one does not fit .*failed to parse field \[number\].*seven") as caught:
        run(driver, CONFLICT)
    assert caught.value.kind == "MigrationFailed"
    assert_served_by_the_old_one(client, {**notes, "the-bad-one": "bad"})


def test_a_copy_that_takes_too_long_is_put_back(driver: Driver, client: Elasticsearch, notes: dict[str, str]) -> None:
    hurried = Script(CHANGE.file, CHANGE.body, script("any", timeout=0.001).options)
    with pytest.raises(Failure, match=r"not done after 0\.001 s"):
        run(driver, hurried)
    assert steps.copying(client) == []
    assert_served_by_the_old_one(client, notes)


def test_a_lost_lock_ends_the_copy(driver: Driver, client: Elasticsearch, notes: dict[str, str]) -> None:
    def guard() -> None:
        if steps.copying(client):
            raise Failure("LockLost", "the lock is gone", "run it again")

    with pytest.raises(Failure, match="the lock is gone"):
        run(driver, CHANGE, guard)
    assert steps.copying(client) == []
    assert list(client.indices.get_alias(name=ALIAS)) == [OLD]
    run(driver, CHANGE)
    assert steps.contents(client, ALIAS) == notes


def test_what_a_killed_runner_still_copies_is_ended_first(
    url: str, driver: Driver, client: Elasticsearch, notes: dict[str, str]
) -> None:
    assert steps.killed(url, CHANGE, 3)
    # As the runner would have, only slower.
    client.reindex(
        source={"index": OLD, "size": 10}, dest={"index": NEW}, requests_per_second=10, wait_for_completion=False
    )
    assert steps.copying(client) == [f"reindex from [{OLD}] to [{NEW}]"]
    run(driver, CHANGE)
    assert steps.copying(client) == []
    assert steps.contents(client, ALIAS) == notes


@pytest.mark.parametrize("every", [pytest.param(1, marks=pytest.mark.full), 3], ids=["each", "some"])
def test_killed_at_any_step_in_either_direction_it_converges(
    url: str, driver: Driver, client: Elasticsearch, every: int
) -> None:
    run(driver, FIRST)
    steps.load(client, steps.documents(20))
    texts, before = steps.contents(client, OLD), driver.objects()
    step, cut_off = 1, True
    while cut_off:
        cut_off = steps.killed(url, CHANGE, step)
        run(driver, CHANGE)
        assert steps.contents(client, ALIAS) == texts
        assert driver.kept() == {OLD: len(texts)}
        cut_off = steps.killed(url, CHANGE_BACK, step) or cut_off
        run(driver, CHANGE_BACK)
        assert steps.contents(client, ALIAS) == texts
        assert driver.kept() == {}
        assert driver.objects() == before
        step += every
    assert step > 8


def test_a_record_is_written_only_in_place_of_the_known_one(driver: Driver, client: Elasticsearch) -> None:
    assert driver.ledger() == ()
    assert not client.indices.exists(index=LEDGER)
    started, finished = entry("001_notes", state="applying"), entry("001_notes", duration=1.25)
    driver.write(started, replacing=None)
    for stale in (None, finished, started.changed(applied_by="another")):
        with pytest.raises(LedgerConflict):
            driver.write(finished, replacing=stale)
    assert driver.ledger() == (started,)
    driver.write(finished, replacing=started)
    driver.verify()
    assert driver.ledger() == (finished,)
    with pytest.raises(LedgerConflict):
        driver.remove(started)
    driver.remove(finished)
    assert driver.ledger() == ()


def test_a_ledger_of_an_earlier_version_is_read_and_extended(driver: Driver, client: Elasticsearch) -> None:
    kinds = {"migration_name": "keyword", "checksum": "keyword", "applied_at": "date"}
    mappings = {"dynamic": "strict", "properties": {name: {"type": kind} for name, kind in kinds.items()}}
    client.indices.create(index=LEDGER, mappings=mappings, settings=steps.SETTINGS)
    recorded = {key: value for key, value in entry("001_notes").document().items() if key in kinds}
    client.create(index=LEDGER, id="001_notes", document=recorded)
    (known,) = driver.ledger()
    driver.write(entry("001_notes", error="x" * 40_000), replacing=known)
    assert driver.ledger() == (entry("001_notes", error="x" * 40_000),)


def test_drift_is_exactly_what_was_changed_by_hand(driver: Driver, client: Elasticsearch) -> None:
    run(driver, FIRST)
    before = driver.objects()
    client.indices.put_mapping(index=OLD, properties={"added": {"type": "keyword"}}, meta={"migration": ""})
    # Without its mark it is still known by its name.
    assert driver.objects() == {**before, f"field {OLD}.added": '{"type":"keyword"}'}
    client.indices.delete_alias(index=OLD, name=ALIAS)
    assert before.keys() - driver.objects().keys() == {f"alias {ALIAS}"}
    client.indices.delete(index=OLD)
    assert driver.objects() == {}
