"""DuckDB files, for the modules that back them up and restore them."""

from pathlib import Path
from typing import Any

import pytest

from backup.engines.duckdb import PART
from backup.model import Taken
from tests.contract.backup.plain_files import Files, backed_up
from tests.unit.backup.duckdb_samples import OBJECTS, VALUES, place, run


@pytest.fixture
def duckdb_source(tmp_path: Path) -> dict[str, Any]:
    """A file with every kind of value and object."""
    found = place(tmp_path / "source")
    run(found, OBJECTS, VALUES)
    return found


@pytest.fixture
def duckdb_target(tmp_path: Path) -> dict[str, Any]:
    """A file with something else."""
    found = place(tmp_path / "target")
    run(found, "CREATE TABLE old AS SELECT 1")
    return found


@pytest.fixture
def duckdb_set(duckdb_source: dict[str, Any], tmp_path: Path) -> tuple[Files, Taken]:
    """A set of the first."""
    return backed_up(PART, duckdb_source, tmp_path)
