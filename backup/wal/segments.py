"""Names of segments, and what they say: timeline and number, in hexadecimal digits. Positions are bytes of the log."""

import re

_NAME = re.compile("([0-9A-F]{8})([0-9A-F]{8})([0-9A-F]{8})")
_LOG = 1 << 32


def is_segment(name: str) -> bool:
    """Whether it is the name of a whole segment."""
    return _NAME.fullmatch(name) is not None


def timeline(name: str) -> int:
    """Return the timeline of a segment."""
    return int(name[:8], 16)


def start(name: str, size: int) -> int:
    """Return the position at which a segment of `size` bytes begins."""
    return (int(name[8:16], 16) * (_LOG // size) + int(name[16:], 16)) * size


def following(name: str, size: int) -> str:
    """Return the name of the next segment."""
    number = start(name, size) // size + 1
    logs = _LOG // size
    return f"{name[:8]}{number // logs:08X}{number % logs:08X}"


def position(text: str) -> int:
    """Return the position that the server writes as `16/B374D848`."""
    high, low = text.split("/")
    return int(high, 16) << 32 | int(low, 16)
