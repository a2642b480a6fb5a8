"""Wiping an engine, and what is to be so before and after."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from init.runner.inspect import inspect
from init.runner.run import Run
from init.runner.up import up
from tests.contract.migrations.case import Case


def held(run: Run) -> dict[str, Any]:
    """Return what is there, and what could not be counted."""
    return {name: count for name, count in run.driver.contents().items() if count != 0}


def assert_empty(run: Run) -> None:
    """Return if nothing is there."""
    assert (run.driver.ledger(), run.driver.objects(), run.driver.contents()) == ((), {}, {})


@contextmanager
def wiped(case: Case) -> Iterator[Run]:
    """Provide a run whose engine was wiped twice; afterwards its migrations can be applied as if it were new."""
    with case.run() as run:
        run.driver.wipe()
        run.driver.wipe()
        assert_empty(run)
        yield run
    with case.run() as run:
        assert [entry.name for entry in up(run)] == [file.name for file in case.files()]
        assert (inspect(run)["drift"], inspect(run)["mirrored"]) == ([], True)
        run.driver.verify()
