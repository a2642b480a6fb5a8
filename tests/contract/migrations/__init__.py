"""The contract of all engines' migrations, which an engine that is not shipped has to keep as well."""

from tests.contract.migrations import engines

__all__ = ["engines"]
