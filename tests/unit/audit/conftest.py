"""Every test of the audit has a machine of its own."""

import shutil
from pathlib import Path

import pytest

from tests.unit.audit.updating import Updates


@pytest.fixture(autouse=True)
def unrecorded() -> None:
    """Here commands are recorded, on the test's own machine."""


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data directory in which nothing was ever made."""
    monkeypatch.setenv("KAREN_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture(scope="session")
def made_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data directory with a stack of Pulumi's that was brought up by hand."""
    directory = tmp_path_factory.mktemp("once")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KAREN_HOME", str(directory / "home"))
        Updates.begin(directory / "program").up()
    return directory / "home"


@pytest.fixture
def stack_of_pulumi(home: Path, made_once: Path) -> None:
    """That stack, in the data directory of the test."""
    shutil.copytree(made_once, home)
