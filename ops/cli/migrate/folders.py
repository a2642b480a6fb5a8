"""The folders of migrations in this checkout."""

from init.engines import NAMES
from init.migrations import Migration, MigrationsInvalid, Problem, load
from init.resources import data
from ops.cli.errors import NotAsked


def migrated() -> list[str]:
    """Return the engines that have migrations, PostgreSQL first."""
    return [name for name in NAMES if (data.DIRECTORY / name).is_dir()]


def checked_engine(engine: str) -> str:
    """Return an engine's name; NotAsked for one that has no migrations."""
    allowed = migrated()
    if engine not in allowed:
        why = "has no migrations" if engine in NAMES else "is not an engine"
        raise NotAsked(f"{engine!r} {why}; allowed: {', '.join(allowed)}")
    return engine


def files_of(engine: str) -> tuple[tuple[Migration, ...], tuple[Problem, ...]]:
    """Return an engine's migrations, or everything that is wrong with them."""
    try:
        return load(data.DIRECTORY / engine), ()
    except MigrationsInvalid as error:
        return (), error.problems
