"""One module for each engine, with its `Case`; the contract is tried on every module that is here."""

import importlib
import pkgutil

from tests.contract.migrations.case import Case, Tampering

NAMES = tuple(module.name for module in pkgutil.iter_modules(__path__))


def load(engine: str) -> type[Case]:
    """Return the engine's case."""
    case: type[Case] = importlib.import_module(f"{__name__}.{engine}").Case
    return case


def tamperings() -> list[tuple[str, Tampering]]:
    """Return what is changed by hand, engine by engine."""
    return [(engine, tampering) for engine in NAMES for tampering in load(engine).tamperings]
