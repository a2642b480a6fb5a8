"""The maintenance lease where the monitor cannot be told: the command ends, and nobody works unseen."""

import sys
from contextlib import nullcontext
from types import SimpleNamespace
from typing import Any

import docker
import pytest
import requests

from ops import erase
from ops.cli.errors import NotAsked, Refused
from ops.cli.leases import leased
from ops.cli.migrate import acting, pins, update
from ops.cli.printer import Printer
from ops.maintenance import VARIABLE, maintenance
from ops.operations_volume import MaintenanceError, OperationsVolume, UnreachableError
from tests.unit.containers import Engine, refusal
from tests.unit.test_cli_known import known

MONITOR = "ai-karen-dev-monitor"
TROUBLES = [
    refusal("no space left on device"),
    refusal("is being removed", 409),
    requests.ReadTimeout("Read timed out."),
]


class Volume(Engine):
    """A monitor's container, whose archive interface fails as it is told to."""

    write: Exception | None = None
    read: Exception | None = refusal("no such directory", 404)

    def put_archive(self, *_: object) -> None:
        if self.write is not None:
            raise self.write

    def get_archive(self, *_: object) -> Any:
        raise self.read or AssertionError


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> Volume:
    volume = Volume()
    monkeypatch.delenv(VARIABLE, raising=False)
    monkeypatch.setattr(docker, "from_env", lambda **_: volume.client)
    monkeypatch.setattr(volume, "inspect_container", lambda _: {})
    return volume


@pytest.mark.parametrize("trouble", TROUBLES, ids=str)
def test_without_an_answer_nobody_works(engine: Volume, trouble: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("write", "read"):
        setattr(engine, name, trouble)
        told = pytest.raises(NotAsked, match=r"The monitor could not be told: .*Fix: ./karen doctor")
        with told, leased("dev", "./karen stop"):
            raise AssertionError
        engine.write, engine.read = None, Volume.read

    def inspect(_: str) -> None:
        raise trouble

    monkeypatch.setattr(engine, "inspect_container", inspect)
    with pytest.raises(MaintenanceError), maintenance("dev", "pulumi up"):
        raise AssertionError


def test_a_stack_without_a_monitor_needs_no_lease(engine: Volume, monkeypatch: pytest.MonkeyPatch) -> None:
    def inspect(_: str) -> None:
        raise refusal("No such container", 404)

    monkeypatch.setattr(engine, "inspect_container", inspect)
    with leased("dev", "./karen stop"):
        pass


def test_only_what_is_not_there_is_nothing(engine: Volume) -> None:
    volume = OperationsVolume(engine.api, MONITOR)
    assert volume.read("leases") == []
    engine.get_archive = lambda *_: (iter([b"no archive"]), {})  # type: ignore[method-assign]
    with pytest.raises(UnreachableError):
        volume.read("leases")


def test_a_pin_is_put_back_when_the_monitor_cannot_be_told(engine: Volume, monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[str] = []
    one = known()
    monkeypatch.setattr(update, "ensure_free", lambda _: None)
    monkeypatch.setattr(acting, "survey", lambda *_: [one])
    monkeypatch.setattr(pins, "write", lambda _, __, pin: written.append(pins.shown(pin)))
    engine.write = TROUBLES[0]
    with pytest.raises(NotAsked, match=r"no space left on device.*\nNothing was changed"):
        acting.change(Printer("dev"), one, "down", pin="002", to="002")
    assert written == ["002", "latest"]


def test_a_full_disk_keeps_nobody_from_erasing(
    engine: Volume, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    engine.write = TROUBLES[0]
    ran: list[str] = []
    monkeypatch.setattr(erase, "run", lambda _stack, *arguments, **_: ran.append(arguments[0]))
    monkeypatch.setattr(erase, "_remove_kept", ran.append)
    monkeypatch.setattr(sys, "argv", ["erase", "--stack", "prod", "--confirm", "prod"])
    erase.main()
    assert ran == ["state", "destroy", "prod"]
    assert "no space left on device" in capsys.readouterr().err


def test_the_command_in_a_lease_is_one_to_run_again(monkeypatch: pytest.MonkeyPatch) -> None:
    commands: list[str] = []
    monkeypatch.setattr("ops.maintenance.OperationsVolume", SimpleNamespace(of=nullcontext))
    monkeypatch.delenv(VARIABLE, raising=False)

    class Taken:
        def __init__(self, _: object, command: str, __: object) -> None:
            commands.append(command)

        def begin(self) -> None:
            raise Refused("enough")

    monkeypatch.setattr("ops.maintenance.Maintenance", Taken)
    with pytest.raises(Refused), leased("prod", "./karen stop etcd", ["etcd"]):
        raise AssertionError
    assert commands == ["./karen stop etcd --stack prod"]
