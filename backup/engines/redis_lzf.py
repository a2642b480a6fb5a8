"""LZF, in which Redis stores what is long enough: by liblzf for what fits into memory, by the piece for what is larger."""

import ctypes
from collections.abc import Callable, Iterable, Iterator
from itertools import islice

# A back reference reaches 8 KiB, and is 264 bytes at most.
_WINDOW = 8192
_LONGEST_REFERENCE = 264
_LITERALS = 32
_PIECE = 64 * 1024
Decompress = Callable[[bytes, int], bytes]


class LzfError(ValueError):
    """The bytes are not LZF, or not of the stated length."""


def pieces(compressed: Iterable[bytes], size: int) -> Iterator[bytes]:
    """Return what `compressed` holds, in pieces of about 64 KiB; LzfError unless it is `size` bytes."""
    octets = (octet for piece in compressed for octet in piece)
    window, done = bytearray(), 0
    for control in octets:
        if control < _LITERALS:
            window += bytes(islice(octets, control + 1))
        else:
            length = control >> 5
            length += next(octets, 0) if length == 7 else 0
            _repeat(window, ((control & 31) << 8) + next(octets, 0) + 1, length + 2)
        if len(window) >= _WINDOW + _PIECE:
            done += len(window) - _WINDOW
            yield bytes(window[:-_WINDOW])
            del window[:-_WINDOW]
        if done + len(window) > size:
            break
    if done + len(window) != size:
        raise LzfError(f"a compressed string is not of its {size} bytes")
    yield bytes(window)


def _repeat(window: bytearray, distance: int, length: int) -> None:
    start = len(window) - distance
    if start < 0:
        raise LzfError("a compressed string refers to what is before it")
    piece = window[start : start + length]
    if len(piece) < length:
        piece = (piece * (length // len(piece) + 1))[:length]
    window += piece


def _native(library: ctypes.CDLL) -> Decompress:
    function = library.lzf_decompress
    function.argtypes = [ctypes.c_char_p, ctypes.c_uint, ctypes.c_void_p, ctypes.c_uint]
    function.restype = ctypes.c_uint

    def native(compressed: bytes, size: int) -> bytes:
        buffer = ctypes.create_string_buffer(size)
        if function(compressed, len(compressed), buffer, size) != size:
            raise LzfError(f"a compressed string is not of its {size} bytes")
        return buffer.raw

    return native


def _own(compressed: bytes, size: int) -> bytes:
    return b"".join(pieces([compressed], size))


def _chosen() -> Decompress:
    try:
        return _native(ctypes.CDLL("liblzf.so.1"))
    except OSError:
        return _own


_decompress = _chosen()


def decompress(compressed: bytes, size: int) -> bytes:
    """Return the `size` bytes that `compressed` holds; LzfError if it does not."""
    if not 0 < size <= len(compressed) * _LONGEST_REFERENCE:
        raise LzfError(f"{len(compressed)} compressed bytes cannot hold {size}")
    return _decompress(compressed, size)
