"""What an RDB is said to hold: the same for equal data however they are encoded, and nothing for one that is not whole."""

import struct
from collections.abc import Iterable, Mapping, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backup.engines.redis_packed import intset, listpack
from backup.engines.redis_rdb import Contents, read
from backup.engines.redis_reader import RdbError

INTEGERS = st.integers(-(2**63), 2**63 - 1)
ELEMENTS = st.lists(st.one_of(INTEGERS, st.binary(max_size=200), st.sampled_from([b"x" * 5000])), max_size=30)


def length(value: int) -> bytes:
    if value < 64:
        return bytes([value])
    if value < 1 << 14:
        return struct.pack(">H", 0x4000 | value)
    return b"\x80" + struct.pack(">I", value) if value < 1 << 32 else b"\x81" + struct.pack(">Q", value)


def text(value: bytes) -> bytes:
    return length(len(value)) + value


def pack(elements: Iterable[bytes | int]) -> bytes:
    """Return a listpack, in which integers have the shortest form that Redis gives them."""
    body, count = bytearray(), 0
    for element in elements:
        entry = _integer(element) if isinstance(element, int) else _text(element)
        body += entry + bytes(_back(len(entry)))
        count += 1
    return struct.pack("<IH", len(body) + 7, min(count, 0xFFFF)) + bytes(body) + b"\xff"


def _integer(value: int) -> bytes:
    if 0 <= value < 128:
        return bytes([value])
    if -4096 <= value < 4096:
        return struct.pack(">H", 0xC000 | value & 0x1FFF)
    for first, size in ((0xF1, 2), (0xF2, 3), (0xF3, 4)):
        if -(1 << 8 * size - 1) <= value < 1 << 8 * size - 1:
            return bytes([first]) + value.to_bytes(size, "little", signed=True)
    return b"\xf4" + value.to_bytes(8, "little", signed=True)


def _text(value: bytes) -> bytes:
    if len(value) < 64:
        return bytes([0x80 | len(value)]) + value
    if len(value) < 4096:
        return struct.pack(">H", 0xE000 | len(value)) + value
    return b"\xf0" + struct.pack("<I", len(value)) + value


def _back(size: int) -> int:
    return 1 if size < 128 else 2 if size < 1 << 14 else 3


def rdb(*entries: bytes, version: int = 12, checked: bool = True) -> bytes:
    body = b"REDIS%04d" % version + b"\xfa" + text(b"redis-ver") + text(b"8.0.2") + b"".join(entries) + b"\xff"
    return body + struct.pack("<Q", crc64(body) if checked else 0)


def crc64(data: bytes) -> int:
    """Return Jones' CRC-64 by its plain definition, bit by bit."""
    value = 0
    for octet in data:
        value ^= octet
        for _ in range(8):
            value = value >> 1 ^ (0x95AC9329AC4BC9B5 if value & 1 else 0)
    return value


def contents(data: bytes, size: int = 1 << 16) -> Contents:
    pieces = (data[at : at + size] for at in range(0, len(data), size))
    return read(lambda: next(pieces, b""))


def key(kind: int, value: bytes, name: bytes = b"key") -> bytes:
    return bytes([kind]) + text(name) + value


def checksum(*entries: bytes, group: str = "db0") -> str:
    return contents(rdb(*entries)).checksums[group]


@given(ELEMENTS)
@settings(max_examples=50)
def test_a_listpack_has_its_elements(elements: Sequence[bytes | int]) -> None:
    assert list(listpack(pack(elements))) == [b"%d" % one if isinstance(one, int) else one for one in elements]


@given(ELEMENTS, st.data())
@settings(max_examples=50)
def test_a_damaged_listpack_ends_in_an_error_or_in_elements(
    elements: Sequence[bytes | int], data: st.DataObject
) -> None:
    packed = bytearray(pack(elements))
    packed[data.draw(st.integers(0, len(packed) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    try:
        assert sum(map(len, listpack(bytes(packed)))) <= 20 * len(packed)
    except RdbError:
        return


@pytest.mark.parametrize(("width", "form"), [(2, "h"), (4, "i"), (8, "q")])
def test_a_set_of_integers_has_its_elements(width: int, form: str) -> None:
    data = struct.pack(f"<II3{form}", width, 3, -5, 0, 7)
    assert list(intset(data)) == [b"-5", b"0", b"7"]
    for wrong in (data[:-1], data[:5], b"\x03" + data[1:]):
        with pytest.raises(RdbError):
            list(intset(wrong))


FIELDS: Mapping[bytes, bytes] = {b"a": b"1", b"b": b"x" * 300, b"": b"12345678901"}
PAIRS = [one for pair in FIELDS.items() for one in pair]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (key(0, text(b"12")), key(0, b"\xc0\x0c")),
        (key(0, text(b"-300")), key(0, b"\xc1" + struct.pack("<h", -300))),
        (key(0, text(b"a" * 100)), key(0, b"\xc3" + length(5) + length(100) + b"\x00a\xe0\x5a\x00")),
        (key(2, b"\x02" + text(b"1") + text(b"2")), key(11, text(struct.pack("<IIhh", 2, 2, 1, 2)))),
        (key(2, b"\x02" + text(b"1") + text(b"x")), key(20, text(pack([b"x", 1])))),
        (key(4, b"\x03" + b"".join(map(text, PAIRS))), key(16, text(pack([*PAIRS[4:], *PAIRS[:4]])))),
        (key(5, b"\x01" + text(b"m") + struct.pack("<d", 1.5)), key(17, text(pack([b"m", b"1.5"])))),
        (key(5, b"\x01" + text(b"m") + struct.pack("<d", -0.0)), key(17, text(pack([b"m", 0])))),
        (
            key(18, b"\x02\x01" + text(b"big") + b"\x02" + text(pack([7]))),
            key(18, b"\x01\x02" + text(pack([b"big", 7]))),
        ),
    ],
)
def test_equal_data_have_equal_sums(one: bytes, other: bytes) -> None:
    assert checksum(one) == checksum(other) != checksum()
    assert checksum(one, key(0, text(b"v"), b"2")) == checksum(key(0, text(b"v"), b"2"), other)


def test_other_data_have_other_sums() -> None:
    scored: list[list[bytes | int]] = [[b"1", 2], [b"2", 1], [b"1", b"inf"], [b"1", b"-inf"]]
    entries = [
        *(key(0, text(b"1")), key(0, text(b"1"), b"other"), key(0, text(b"")), key(20, text(pack([1])))),
        *(key(18, b"\x01\x02" + text(pack(pair))) for pair in ([1], [1, 2], [2, 1])),
        *(key(16, text(pack(pair))) for pair in ([1, 2], [2, 1], [1, 2, 3, 4], [1, 4, 3, 2])),
        *(key(17, text(pack(pair))) for pair in scored),
    ]
    assert len({checksum(entry) for entry in entries}) == len(entries)
    assert checksum(entries[0], entries[1]) != checksum(key(0, text(b"1")))


def test_what_expires_is_counted_apart() -> None:
    relative = struct.pack("<q", 5000) + b"\x02" + b"\x01" + text(b"a") + text(b"1") + b"\x00" + text(b"b") + text(b"2")
    packed = struct.pack("<q", 5000) + text(pack([b"a", 1, 5000, b"b", 2, 0]))
    groups = [contents(rdb(key(kind, value))) for kind, value in ((24, relative), (25, packed))]
    assert [one.counts for one in groups] == [{"db0": 0, "functions": 0, "db0 (expiring)": 1}] * 2
    assert groups[0].checksums == groups[1].checksums
    timed = [b"\xfc" + struct.pack("<q", at) + key(0, text(b"v")) for at in (1000, 2000)]
    assert checksum(timed[0], group="db0 (expiring)") != checksum(timed[1], group="db0 (expiring)")
    assert checksum(b"\xfd" + struct.pack("<i", 2) + key(0, text(b"v")), group="db0 (expiring)") == checksum(
        timed[1], group="db0 (expiring)"
    )


def test_databases_and_functions_are_counted_and_how_long_a_key_was_idle_is_not() -> None:
    found = contents(
        rdb(
            b"\xf5" + text(b"#!lua name=one\n"),
            b"\xfe\x00" + b"\xfb\x01\x00" + b"\xf8\x05" + key(0, text(b"v")),
            b"\xfe\x0f" + b"\xf4\x01\x02\x03" + b"\xf9\x07" + key(0, text(b"v")),
        )
    )
    assert found.counts == {"db0": 1, "db15": 1, "functions": 1}
    assert found.checksums["db0"] == found.checksums["db15"] == checksum(key(0, text(b"v")))
    assert found.facts == {"redis-ver": "8.0.2"}


SAMPLE = rdb(
    b"\xfe\x00" + key(0, text(b"v" * 70)),
    *(
        key(16, text(pack(PAIRS)), b"h"),
        key(18, b"\x01\x02" + text(pack([1, b"two"])), b"l"),
        key(0, b"\xc1\x00\x01", b"i"),
    ),
)


@given(st.integers(1, len(SAMPLE)))
def test_chunks_may_be_of_any_size(size: int) -> None:
    assert contents(SAMPLE, size) == contents(SAMPLE)


def test_one_that_is_cut_off_anywhere_or_goes_on_is_refused() -> None:
    for end in range(len(SAMPLE)):
        with pytest.raises(RdbError):
            contents(SAMPLE[:end])
    with pytest.raises(RdbError, match="something follows its end"):
        contents(SAMPLE + b"\x00")


def test_one_with_any_flipped_bit_is_refused() -> None:
    for at in range(len(SAMPLE)):
        for bit in (0, 3, 7):
            wrong = bytearray(SAMPLE)
            wrong[at] ^= 1 << bit
            with pytest.raises(RdbError):
                contents(bytes(wrong))


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (rdb(key(7, b"\x81" + bytes(8))), "a value of a module"),
        (rdb(b"\xf7" + bytes(8)), "data of a module"),
        (rdb(key(14, b"\x00")), "a value of type 14"),
        (rdb(b"\xf6"), "an operation 246"),
        (rdb(version=13), "of format 13; allowed: 11 to 12"),
        (b"PNG\r\n" + bytes(20), "as no RDB does"),
        (b"", "ends before its end"),
        (rdb(key(16, b"\x81" + struct.pack(">Q", 1 << 60))), "a packed value of 1152921504606846976 bytes"),
    ],
)
def test_what_is_not_known_is_named(data: bytes, message: str) -> None:
    with pytest.raises(RdbError, match=message):
        contents(data)


def test_a_checksum_that_was_left_out_is_not_compared() -> None:
    assert contents(rdb(key(0, text(b"v")), checked=False)).counts["db0"] == 1
