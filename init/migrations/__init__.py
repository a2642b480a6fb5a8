"""Migrations, without any connection: files, their order, and what is to be done about them."""

from init.migrations.files import checksum, load
from init.migrations.model import (
    NO_VERSION,
    LedgerEntry,
    Migration,
    MigrationsInvalid,
    Options,
    Plan,
    Problem,
    Script,
    schema_version,
)
from init.migrations.plan import compare

__all__ = [
    "NO_VERSION",
    "LedgerEntry",
    "Migration",
    "MigrationsInvalid",
    "Options",
    "Plan",
    "Problem",
    "Script",
    "checksum",
    "compare",
    "load",
    "schema_version",
]
