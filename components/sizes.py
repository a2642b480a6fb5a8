"""Memory sizes as people write them (`512m`, `1g`) and as the engine and the servers take them."""

import re

MEBIBYTE = 1024 * 1024
_UNITS = {"k": 1024, "m": MEBIBYTE, "g": 1024 * MEBIBYTE}
_PATTERN = re.compile(r"^([1-9][0-9]*)([kmg])b?$", re.IGNORECASE)


def parse_size(text: object) -> int:
    """Return the size in bytes of a text such as `512m` or `1g` (binary units); ValueError otherwise."""
    match = _PATTERN.match(text.strip()) if isinstance(text, str) else None
    if match is None:
        raise ValueError("must be a whole number followed by k, m or g, such as 512m or 1g")
    return int(match[1]) * _UNITS[match[2].lower()]


def mebibytes(size: int) -> int:
    """Return whole mebibytes of a size in bytes, the unit in which the engine keeps memory limits."""
    return size // MEBIBYTE


def show_size(size: int) -> str:
    """Return the shortest exact text for a size in bytes: `1g`, `512m`, `1500k`."""
    for unit in ("g", "m", "k"):
        if size % _UNITS[unit] == 0:
            return f"{size // _UNITS[unit]}{unit}"
    return str(size)
