"""Where this machine keeps what belongs to it rather than to a checkout: state, data, the probed image source, generations."""

import os
from pathlib import Path

PROJECT = "ai-karen-db"


def home() -> Path:
    """Return KAREN_HOME, by default `ai-karen-db` in the user's data directory (XDG base directory specification)."""
    configured = os.environ.get("KAREN_HOME")
    if configured:
        return Path(configured)
    base = os.environ.get("XDG_DATA_HOME") or str(Path.home() / ".local" / "share")
    return Path(base) / PROJECT


def data_directory(stack: str) -> Path:
    """Return where a stack's host directories are."""
    return home() / "data" / stack


def image_source(stack: str) -> str | None:
    """Return the image source that was probed for a stack, None if it never was."""
    path = home() / "image-source" / stack
    return path.read_text(encoding="utf-8").strip() if path.is_file() else None


def generation_file(stack: str) -> Path:
    """Return the file that names the generation of a stack's data: a reset begins a new one."""
    return home() / "generation" / stack


def generation(stack: str) -> str:
    """Return the name of the generation, empty for a stack that was never reset; with another one, all is initialized again."""
    path = generation_file(stack)
    return path.read_text(encoding="utf-8").strip() if path.is_file() else ""
