"""The compression of an RDB's strings, against its plain definition."""

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backup.engines import redis_lzf

# Literals, or a reference: how far back, of what is there, and for how long.
TOKENS = st.lists(
    st.one_of(st.binary(min_size=1, max_size=32), st.tuples(st.floats(0, 1), st.integers(3, 264))),
    min_size=1,
    max_size=40,
)


def compress(tokens: Sequence[bytes | tuple[float, int]]) -> tuple[bytes, bytes]:
    """Return the tokens as LZF has them, and what they stand for."""
    packed, plain = bytearray(), bytearray()
    for token in tokens:
        if isinstance(token, bytes):
            packed += bytes([len(token) - 1]) + token
            plain += token
        elif plain:
            share, length = token
            distance = 1 + int(share * (min(len(plain), 8192) - 1))
            for _ in range(length):
                plain.append(plain[-distance])
            back, size = distance - 1, length - 2
            packed += bytes([min(size, 7) << 5 | back >> 8, *([size - 7] if size >= 7 else []), back & 255])
    return bytes(packed), bytes(plain)


@given(TOKENS, st.integers(1, 50))
@settings(max_examples=100)
def test_strings_are_decompressed_whole_and_by_the_piece(tokens: Sequence[bytes | tuple[float, int]], cut: int) -> None:
    packed, plain = compress(tokens)
    if not plain:
        return
    assert redis_lzf.decompress(packed, len(plain)) == plain
    pieces = (packed[at : at + cut] for at in range(0, len(packed), cut))
    assert b"".join(redis_lzf.pieces(pieces, len(plain))) == plain


def test_a_long_string_comes_in_pieces() -> None:
    packed, plain = compress([b"abcdefgh", *[(1.0, 264)] * 2000])
    pieces = list(redis_lzf.pieces([packed], len(plain)))
    assert b"".join(pieces) == plain
    assert max(map(len, pieces)) < 100_000


@pytest.mark.parametrize("size", [0, 7, 9, 10**12])
def test_another_size_is_refused(size: int) -> None:
    with pytest.raises(redis_lzf.LzfError):
        redis_lzf.decompress(b"\x07abcdefgh", size)
    with pytest.raises(redis_lzf.LzfError):
        list(redis_lzf.pieces([b"\x07abcdefgh"], size))


def test_a_reference_to_before_the_beginning_is_refused() -> None:
    with pytest.raises(redis_lzf.LzfError):
        list(redis_lzf.pieces([b"\x00a\x20\x05"], 4))
    with pytest.raises(redis_lzf.LzfError):
        redis_lzf.decompress(b"\x00a\x20\x05", 4)
