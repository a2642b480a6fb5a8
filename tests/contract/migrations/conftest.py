"""An empty engine for every test."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from init.migrations import Migration, load
from tests.contract.containers import Contract
from tests.contract.migrations import cases
from tests.contract.migrations.case import DATA, Case
from tests.contract.migrations.processes import Processes


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Give every engine to a test of `case`, and every change by hand to a test of `tampering`."""
    if "tampering" in metafunc.fixturenames:
        given = [pytest.param(engine, one, id=f"{engine} {one.name}") for engine, one in cases.tamperings()]
        metafunc.parametrize(("engine_case", "tampering"), given, indirect=["engine_case"], scope="module")
    elif "engine_case" in metafunc.fixturenames and not cases.chosen(metafunc.definition):
        metafunc.parametrize("engine_case", cases.NAMES, indirect=True, scope="module")


@pytest.fixture(scope="module")
def engine_case(request: pytest.FixtureRequest, servers: Contract, tmp_path_factory: pytest.TempPathFactory) -> Case:
    """The engine's servers, running."""
    case = cases.load(request.param)
    for service in case.services:
        servers.healthy(service)
    return case(servers, tmp_path_factory.mktemp(request.param))


@pytest.fixture
def case(engine_case: Case) -> Case:
    """The engine, empty."""
    engine_case.wipe_everything()
    return engine_case


@pytest.fixture
def processes() -> Iterator[Processes]:
    """Runs in processes of their own; what is left of them is killed."""
    with Processes() as processes:
        yield processes


@pytest.fixture
def folder(case: Case, tmp_path: Path) -> Path:
    """A copy of the contract's migrations that may be changed."""
    directory = tmp_path / case.engine
    directory.mkdir()
    for path in (DATA / case.engine).iterdir():
        (directory / path.name).write_bytes(path.read_bytes())
    return directory


@pytest.fixture
def write(case: Case, tmp_path: Path) -> Callable[[Mapping[str, str]], tuple[Migration, ...]]:
    """Return what makes a folder with these files the engine's migrations."""

    def folder_of(files: Mapping[str, str]) -> tuple[Migration, ...]:
        directory = tmp_path / "written" / case.engine
        directory.mkdir(parents=True, exist_ok=True)
        for name, text in files.items():
            (directory / name).write_text(text, encoding="utf-8")
        return load(directory)

    return folder_of
