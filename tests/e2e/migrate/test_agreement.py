"""Migrations of a live stack through `./karen migrate` and `pulumi preview`: what one writes, the other agrees with."""

import json
import shutil
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import docker
import pytest

from init.migrations import checksum
from tests.e2e import clients
from tests.e2e.live import healthy
from tests.e2e.migrate.by_hand import CHANGES, deleted, duplicate, gap, renamed, reordered
from tests.e2e.migrate.karen import ADDED, NAME, Brought

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]


def test_a_preview_names_what_is_pending_and_writes_nothing(brought: Brought) -> None:
    for engine in ADDED:
        assert f"{engine}: migration {brought.karen.added(engine).stem} is pending" in brought.preview
    assert brought.after_preview == brought.before


def test_up_applies_what_is_pending_and_pulumi_agrees(brought: Brought) -> None:
    karen = brought.karen
    applied = {one["engine"]: one["applied"] for one in brought.up["engines"] if one["applied"]}
    assert applied == {engine: [karen.added(engine).stem] for engine in ADDED}
    env = karen.stack.variables()
    with clients.postgres(env) as connection:
        assert connection.execute("SELECT count(*) FROM e2e_notes").fetchone() == (0,)
        rows = connection.execute(
            "SELECT service, dirty FROM migration_history WHERE migration_name LIKE %s", [f"%{NAME}"]
        )
        assert sorted(rows.fetchall()) == [("elasticsearch", False), ("postgres", False)]
    assert clients.elasticsearch(env).indices.exists_alias(name="ai_karen_e2e")
    karen.is_clean()
    assert karen.json("migrate", "up")["changed"] is False


def test_a_version_can_be_asked_for_and_is_kept_to(brought: Brought) -> None:
    """Down, the pin taken out by hand, and up to a version: the preview follows each of them."""
    karen = brought.karen
    first = karen.added("postgres")
    later = first.with_name(f"{int(first.name[:3]) + 1:03}_{NAME}_tags.sql")
    later.write_text("CREATE TABLE e2e_tags (id integer);\nDROP TABLE IF EXISTS e2e_gone;\n")
    with clients.postgres(karen.stack.variables()) as connection:
        connection.execute("INSERT INTO e2e_notes VALUES (1, 'to be lost')")
    told = karen.json("migrate", "down", "postgres", "--to", karen.shipped["postgres"], "--yes")
    assert told["reverted"] == [first.stem]
    assert told["lost"] == {"e2e_notes": 1}
    assert karen.pin("postgres") == karen.shipped["postgres"]
    karen.is_clean()
    karen.stack.pulumi("config", "rm", "ai-karen-db:postgresSchemaVersion")
    printed = karen.stack.pulumi("preview").stdout
    for path in (first, later):
        assert f"postgres: migration {path.stem} is pending" in printed
    assert f"{later.stem} is pending, and may remove data" in printed
    karen.run("migrate", "up", "postgres", "--to", first.name[:3], "--yes")
    assert karen.pin("postgres") == first.name[:3]
    karen.is_clean()
    later.unlink()


def test_an_edited_file_is_refused_until_it_is_accepted(brought: Brought) -> None:
    karen, path = brought.karen, brought.karen.added("postgres")
    original = path.read_text()
    path.write_text(original + "-- edited\n")
    for printed in (
        karen.stack.pulumi("preview", check=False).stdout,
        karen.run("migrate", "up", "--yes", code=1).stderr,
    ):
        for part in (f"postgres/{path.name}", checksum(original), checksum(path.read_text()), "repair postgres"):
            assert part in printed
    assert karen.json("migrate", "repair", "postgres", "--yes")["changed"] is True
    karen.is_clean()


def test_an_engine_that_cannot_be_asked_is_compared_with_what_is_recorded(brought: Brought) -> None:
    karen, first = brought.karen, brought.karen.added("postgres")
    original = first.read_text()
    client = docker.from_env()
    container = client.containers.get(karen.stack.container("postgres"))
    container.stop()
    try:
        first.write_text(f"{original}-- edited again\n")
        done = karen.stack.pulumi("preview", check=False)
        assert done.returncode != 0
        for part in (
            "postgres: could not be asked: compared with recorded state only",
            *(f"postgres/{first.name}: edited", checksum(original), checksum(first.read_text())),
        ):
            assert part in done.stdout
    finally:
        first.write_text(original)
        container.start()
        healthy(karen.stack.container("postgres"))
        client.close()
    karen.is_clean()


@pytest.mark.parametrize(
    "happened",
    [deleted, *(pytest.param(one, marks=pytest.mark.full) for one in (duplicate, renamed, reordered, gap))],
    ids=lambda one: one.__name__,
)
def test_files_that_are_no_sequence_fail_in_the_preview(brought: Brought, happened: Callable[[Path], None]) -> None:
    karen, folder = brought.karen, brought.karen.data / "elasticsearch"
    kept = {path.name: path.read_bytes() for path in folder.iterdir()}
    try:
        happened(karen.added("elasticsearch"))
        done = karen.stack.pulumi("preview", check=False)
    finally:
        shutil.rmtree(folder)
        folder.mkdir()
        for name, content in kept.items():
            (folder / name).write_bytes(content)
    assert done.returncode != 0
    assert happened.__name__ in done.stdout
    assert "Fix: " in done.stdout


def test_what_was_changed_by_hand_is_named(brought: Brought) -> None:
    """In every engine, by a refresh and by `verify`; changed back, it is named no more."""
    karen, env = brought.karen, brought.karen.stack.variables()
    with ExitStack() as changes:
        words = {engine: changes.enter_context(change(env)) for engine, change in CHANGES.items()}
        refreshed = karen.stack.pulumi("refresh", "--yes").stdout
        told = karen.json("migrate", "verify", code=1)["differences"]
    for engine, expected in words.items():
        for part in expected:
            assert any(part in one["message"] for one in told if one["engine"] == engine), f"{engine}: {told}"
            assert any(part in line for line in refreshed.splitlines() if f"{engine}: " in line), refreshed
    assert {one["kind"] for one in told} == {"drift"}
    karen.is_clean()


def test_without_a_way_back_nothing_is_changed(brought: Brought) -> None:
    karen = brought.karen
    path, pin = karen.added("postgres"), karen.pin("postgres")
    back = path.with_name(f"{path.stem}.down.sql")
    content = back.read_text()
    back.unlink()
    try:
        told = karen.run("migrate", "down", "postgres", "--yes", code=1).stderr
    finally:
        back.write_text(content)
    assert f"{path.name}: has no way back. Fix: write init/data/postgres/{back.name}" in told
    assert karen.pin("postgres") == pin
    assert karen.json("migrate", "verify", "postgres")["clean"] is True


@pytest.mark.full
def test_what_a_change_has_kept_is_removed_when_it_is_confirmed(brought: Brought) -> None:
    """An index gets a new version; the old one is served no more and kept, until its engine is named."""
    karen, first = brought.karen, brought.karen.added("elasticsearch")
    later = first.with_name(f"{int(first.name[:3]) + 1:03}_{NAME}_body.json")
    back = later.with_name(f"{later.stem}.down.json")
    client = clients.elasticsearch(karen.stack.variables())
    later.write_text(change(first, to="v002", replacing="v001", body={"type": "text"}))
    back.write_text(change(first, to="v001", replacing="v002"))
    try:
        client.index(index="ai_karen_e2e", id="one", document={"tenant_id": "a"}, refresh=True)
        karen.run("migrate", "up", "elasticsearch")
        (found,) = karen.json("migrate", "status", "elasticsearch")["engines"]
        assert found["kept"] == {"ai_karen_e2e_v001": 1}
        karen.is_clean()
        told = karen.json("migrate", "confirm", "elasticsearch", "--yes")
        assert told["removed"] == ["ai_karen_e2e_v001"]
        assert not client.indices.exists(index="ai_karen_e2e_v001")
        assert client.get(index="ai_karen_e2e", id="one")["_source"] == {"tenant_id": "a"}
        karen.is_clean()
        karen.run("migrate", "down", "elasticsearch", "--to", first.name[:3], "--yes")
    finally:
        later.unlink()
        back.unlink()
        client.close()
    karen.run("migrate", "up", "elasticsearch", "--to", "latest", "--yes")
    karen.is_clean()


@pytest.mark.full
def test_a_schema_without_its_ledger_is_taken_as_it_is_said_to_be(brought: Brought) -> None:
    karen = brought.karen
    with clients.postgres(karen.stack.administrators()) as connection:
        connection.execute("DELETE FROM migration_history WHERE service = 'postgres'")
    assert karen.json("migrate", "verify", "postgres", code=1)["clean"] is False
    told = karen.json("migrate", "baseline", "postgres", "--to", "latest", "--yes")
    assert told["recorded"][-1] == karen.added("postgres").stem
    karen.is_clean()


def change(path: Path, *, to: str, replacing: str, **fields: object) -> str:
    """Return the definition of the file's index as another version that replaces one."""
    (index,) = json.loads(path.read_text())["indices"]
    base = index["index"].rpartition("_")[0]
    index |= {"index": f"{base}_{to}", "replaces": f"{base}_{replacing}"}
    index["mappings"]["properties"] |= fields
    return json.dumps({"indices": [index]})
