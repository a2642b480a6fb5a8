"""Dumps of PostgreSQL: which database becomes which, what is refused, and that the running server loads them."""

import io
import subprocess
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from psycopg.conninfo import conninfo_to_dict

from backup.configuration import Configuration
from backup.creating import create
from backup.engines.postgres import PART
from backup.engines.postgres_logical_names import renamed
from backup.engines.postgres_logical_tools import _database, _feed
from backup.model import Taken
from init.protocol import Failure
from init.resources.job import JobError
from ops.backups.reporting import Reporter
from ops.backups.stack import StackBackups
from ops.backups.steps import Steps
from tests.unit.backup.hosting import Machine, machine
from tests.unit.backup.making import RECIPIENT, SEED, STACK
from tests.unit.backup.test_milvus_cold import Kept, task

__all__ = ["machine"]
TAKEN = Taken(
    tool="pg_dump 17",
    server_version="17.6",
    schema_version="006",
    counts={"users": 3},
    checksums={"users": "0a"},
    began=1.0,
    ended=2.0,
    details={"logical": True, "user": "karen", "database": "karen", "databases": {"karen": {}, "side": {}}},
)


def taken(*databases: str) -> Taken:
    return replace(TAKEN, details={**TAKEN.details, "databases": {name: {} for name in databases}})


def test_the_stack_s_database_becomes_the_target_s_and_the_others_keep_their_names() -> None:
    assert renamed({"database": "app"}, TAKEN) == {"karen": "app", "side": "side"}


@pytest.mark.parametrize(
    ("databases", "own", "told"),
    [
        (("karen", "app"), "app", "a database app beside karen"),
        (("karen", "s" * 48), "app", "too long to load it beside; allowed: 47 bytes"),
        (("karen", "ü" * 24), "app", "allowed: 47 bytes"),
    ],
    ids=["twice", "long", "bytes"],
)
def test_a_name_that_cannot_be_is_refused(databases: tuple[str, ...], own: str, told: str) -> None:
    with pytest.raises(Failure, match=told):
        renamed({"database": own}, taken(*databases))


def test_a_moment_is_refused_before_the_server_is_asked(tmp_path: Path) -> None:
    with pytest.raises(Failure, match="stand for one moment") as caught:
        PART.load({"until": "2026-11-22T10:15:00+00:00", "database": "app"}, Kept(), TAKEN, task(tmp_path))
    assert caught.value.kind == "Unsupported"


@pytest.mark.parametrize("name", ["app", "host=elsewhere", "postgres://elsewhere/app", "it's \\ one"])
def test_a_database_s_name_is_never_an_address(name: str) -> None:
    option, _, address = _database({"database": name}).partition("=")
    assert (option, conninfo_to_dict(address)) == ("--dbname", {"dbname": name})


def test_a_dump_is_read_to_its_end_even_if_nobody_loads_it() -> None:
    source = io.BytesIO(b"x" * (3 << 20))
    with subprocess.Popen(["true"], stdin=subprocess.PIPE) as process:
        process.wait()
        assert process.stdin is not None
        _feed(process.stdin, source, lambda _: None)
    assert source.read() == b""


def test_dumps_are_asked_of_postgresql_only(tmp_path: Path) -> None:
    (tmp_path / "target").mkdir()
    configuration = Configuration(
        stack="dev", engines={"milvus": {}, "postgres": {}}, recipient=RECIPIENT, signing=SEED,
        target={"kind": "directory", "path": str(tmp_path / "target")}, schedule="", keep="", staging="",
    )  # fmt: skip
    with pytest.raises(Failure, match="only PostgreSQL is taken as dumps"):
        create(configuration, trigger="manual", only=["milvus"], logical=True)


def test_the_command_asks_for_dumps(machine: Machine) -> None:
    machine.trouble["create"] = JobError("no", "No")
    machine.karen("backup", "create", "--logical", "--stack", STACK)
    machine.karen("backup", "create", "--stack", STACK)
    assert [request["logical"] for _, request in machine.jobs] == [True, False]


@pytest.mark.parametrize("step", ["load", "exchange", "finish"])
def test_the_running_server_restores_dumps(machine: Machine, step: str) -> None:
    machine.trouble[step] = JobError("no", "No")
    into = StackBackups.of(STACK)
    document: Mapping[str, Any] = {"details": {"logical": True}}
    steps = Steps(into=into, reporter=Reporter(quiet=True), taken={"postgres": document}, sets={"postgres": "s"})
    arguments: tuple[Any, ...] = ({}, "identity") if step == "load" else ()
    with pytest.raises(JobError, match="no"):
        getattr(steps, step)("postgres", *arguments)
    ((spec, request),) = machine.jobs
    assert request["connection"]["logical"] is True
    assert "volume" not in request["connection"]
    assert (spec.user, dict(spec.volumes)) == (into.user, dict(into.volumes))
