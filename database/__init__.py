"""What an application imports: clients of every engine, repositories, and one manager for them all.

Nothing is imported before it is used, so that part of it, such as its errors, costs nothing of the rest.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from database.health import DatabaseHealth, EngineHealth
    from database.manager import DatabaseManager
    from database.settings import DatabaseSettings
    from database.sync import SyncDatabaseManager

__all__ = ["DatabaseHealth", "DatabaseManager", "DatabaseSettings", "EngineHealth", "SyncDatabaseManager"]

_PLACES = {
    "DatabaseHealth": "database.health",
    "DatabaseManager": "database.manager",
    "DatabaseSettings": "database.settings",
    "EngineHealth": "database.health",
    "SyncDatabaseManager": "database.sync",
}


def __getattr__(name: str) -> Any:
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_PLACES[name]), name)
