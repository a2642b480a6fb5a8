"""One module for each engine, with its `Case`; the contract is tried on every module that is here."""

import importlib
import pkgutil

import pytest

from tests.contract.migrations.case import Case, Tampering

NAMES = tuple(module.name for module in pkgutil.iter_modules(__path__))


def load(engine: str) -> type[Case]:
    """Return the engine's case."""
    case: type[Case] = importlib.import_module(f"{__name__}.{engine}").Case
    return case


def tamperings() -> list[tuple[str, Tampering]]:
    """Return what is changed by hand, engine by engine."""
    return [(engine, tampering) for engine in NAMES for tampering in load(engine).tamperings]


def only(*engines: str) -> pytest.MarkDecorator:
    """Let a test be tried on these engines alone."""
    return pytest.mark.parametrize("engine_case", engines, indirect=True, scope="module")


def chosen(test: pytest.Function) -> bool:
    """Whether a test says itself on which engines it is tried."""
    return any(mark.args[0] == "engine_case" for mark in test.iter_markers("parametrize"))
