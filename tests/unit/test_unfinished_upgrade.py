"""What an upgrade that was cut off keeps from being done, and what its end leaves alone; Pulumi and the engine are only told of."""

import sys
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
import yaml

from bootstrap import places
from components.serials import Serial
from ops import erase
from ops.audit.current import CURRENT, Run
from ops.cli import destroying
from ops.cli.errors import NotAsked, Refused
from ops.cli.migrate import update
from ops.cli.printer import Printer
from ops.cli.recorded import Recorded
from ops.cli.upgrade import configured, isolation, updates, upgrading
from ops.pulumi import PulumiError
from tests.unit.containers import refusal

STACK = "prod"


@pytest.fixture
def note(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """Give what writes `dataVolumes` into the stack's configuration."""
    monkeypatch.setattr(places, "CHECKOUT", tmp_path)
    monkeypatch.setattr(update, "ensure_free", lambda _: None)
    monkeypatch.setattr(Recorded, "read", classmethod(lambda cls, stack: Recorded(stack, {}, None)))

    def write(text: str) -> None:
        document = {"config": {"ai-karen-db:dataVolumes": text}}
        (tmp_path / f"Pulumi.{STACK}.yaml").write_text(yaml.safe_dump(document))

    return write


@pytest.mark.parametrize(("text", "way_back"), [("postgres=1+ redis=2", True), ("postgres=2- redis=2", False)])
def test_a_stack_is_not_removed_before_its_upgrade_is_finished(
    note: Any, text: str, way_back: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without its servers nobody could finish it, nor bring them back: an update is refused until then."""
    note(text)
    monkeypatch.setattr(destroying, "resources", lambda _: [{"type": "docker:index/container:Container", "urn": "u"}])
    monkeypatch.setattr(destroying, "run", lambda *_: pytest.fail("it was removed"))
    with pytest.raises(Refused, match=r"dataVolumes is postgres=.*Nothing was touched. Fix: ./karen upgrade") as caught:
        destroying.destroy(Printer(STACK), yes=True)
    assert ("--give-up" in str(caught.value)) == way_back


@pytest.mark.parametrize("give_up", [False, True])
def test_two_engines_are_not_upgraded_at_once(note: Any, give_up: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    note("postgres=1+")
    monkeypatch.setattr(upgrading, "_described", lambda *_: pytest.fail("it has begun"))
    with pytest.raises(Refused, match=r"postgres=1\+: its upgrade is not finished"):
        upgrading.upgrade(Printer(STACK), "redis", yes=True, give_up=give_up)
    configured.ensure_finished(STACK, but="postgres")


@pytest.mark.parametrize(("mark", "discarded"), [("", []), ("+", [1])])
def test_to_give_up_removes_a_volume_only_where_the_note_says_that_the_upgrade_has_made_it(
    mark: str, discarded: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[Any] = []
    one: Any = SimpleNamespace(service="postgres", stack=STACK, number=1)
    monkeypatch.setattr(isolation, "engine", lambda: nullcontext(None))
    monkeypatch.setattr(isolation, "is_begun", lambda *_: True)
    monkeypatch.setattr(isolation, "put_back", lambda *_: done.append("back"))
    monkeypatch.setattr(isolation, "remove_network", lambda *_: done.append("network"))
    monkeypatch.setattr(upgrading, "_working", lambda _: nullcontext())
    monkeypatch.setattr(upgrading, "_discard", lambda _, of: done.append(of.number))
    assert upgrading._give_up(Printer(STACK), one, Serial(1, mark)) == 0
    assert done == [*discarded, "back", "network"]


def test_the_old_server_comes_back_also_where_the_new_one_cannot_be_removed(monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[str] = []
    one: Any = SimpleNamespace(stack=STACK, service="postgres", number=1)

    def refused(*_: object) -> None:
        raise PulumiError("no space left on device")

    urn = "urn:pulumi:prod::ai-karen-db::docker:index/container:Container::postgres-next-container"
    monkeypatch.setattr(updates, "resources", lambda _: [{"urn": urn}])
    monkeypatch.setattr(updates, "run", refused)
    monkeypatch.setattr(configured, "write", lambda *_: done.append("note"))
    monkeypatch.setattr(isolation, "put_back", lambda *_: done.append("back"))
    monkeypatch.setattr(isolation, "remove_network", lambda *_: done.append("network"))
    client, shown = cast("Any", None), cast("Any", None)
    with pytest.raises(NotAsked, match=r"no space left on device\. Fix: run the same command again"):
        upgrading._as_before(client, one, shown)
    assert done == ["back"]


@pytest.mark.parametrize(("here", "ours"), [("17", "15"), ("", "17")])
def test_a_switch_is_not_finished_with_the_server_of_another_checkout(
    note: Any, here: str, ours: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    note("postgres=2-")
    one = SimpleNamespace(naming=None, service="postgres", source="build", next_volume="the-volume")
    monkeypatch.setattr(upgrading, "_described", lambda *_: one)
    monkeypatch.setattr(isolation, "engine", lambda: nullcontext(None))
    monkeypatch.setattr(upgrading, "found", lambda *_: here)
    monkeypatch.setattr(upgrading, "wanted", lambda *_: ours)
    monkeypatch.setattr(upgrading, "_working", lambda _: pytest.fail("it goes on"))
    with pytest.raises(Refused, match=r"the-volume is of version .* Fix: use the checkout that began the upgrade"):
        upgrading.upgrade(Printer(STACK), "postgres", yes=True, give_up=False)


def test_what_pulumi_removes_for_an_upgrade_is_told_as_the_commands(monkeypatch: pytest.MonkeyPatch) -> None:
    ran: list[tuple[str, ...]] = []
    urn = "urn:pulumi:prod::ai-karen-db::docker:index/container:Container::postgres-next-container"
    monkeypatch.setattr(updates, "resources", lambda _: [{"urn": urn}])
    monkeypatch.setattr(updates, "run", lambda _, *arguments: ran.append(arguments))
    token = CURRENT.set(Run(id="1"))
    try:
        updates.remove_next(SimpleNamespace(stack=STACK, service="postgres"))  # type: ignore[arg-type]
    finally:
        CURRENT.reset(token)
    assert ran == [("destroy", "--yes", "--skip-preview", "--target", urn, "--exec-agent", "karen/1")]


@pytest.fixture
def erased(note: Any, monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, ...]]:
    """Give what Pulumi is asked while a stack is erased."""
    note("postgres=1+")
    ran: list[tuple[str, ...]] = []
    for module in (erase, configured):
        monkeypatch.setattr(module, "run", lambda _, *arguments, **__: ran.append(arguments[:3]))
    monkeypatch.setattr(erase, "_lease", nullcontext)
    monkeypatch.setattr(erase, "_remove_kept", lambda _: None)
    monkeypatch.setattr(erase, "recorded", lambda *_, **__: nullcontext())
    monkeypatch.setattr(sys, "argv", ["erase", "--stack", STACK, "--confirm", STACK])
    return ran


def test_an_erased_stack_begins_with_its_first_volumes_again(erased: list[tuple[str, ...]]) -> None:
    erase.main()
    assert erased[-1] == ("config", "rm", "ai-karen-db:dataVolumes")


def test_a_volume_that_somebody_uses_is_told_when_a_stack_is_erased(
    erased: list[tuple[str, ...]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def used(_: str) -> None:
        raise refusal("remove the-volume: volume is in use - [abc]", 409)

    monkeypatch.setattr(erase, "_remove_kept", used)
    with pytest.raises(SystemExit, match=r"volume is in use - \[abc\]. Fix: stop the containers"):
        erase.main()
