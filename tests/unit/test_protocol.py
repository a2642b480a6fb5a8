"""One length-prefixed document in, one out: whole frames only, however the bytes arrive."""

import io
import json
import os
import struct
import threading
import tracemalloc
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from init import protocol
from init.protocol import Failure, FrameReader, ProtocolError, encode, read

DOCUMENT: dict[str, Any] = {"protocol": 1, "password": "påss\x00word\n", "nested": [{"a": None}]}


def test_a_frame_is_a_big_endian_length_and_json() -> None:
    frame = encode(DOCUMENT)
    assert struct.unpack(">I", frame[:4]) == (len(frame) - 4,)
    assert json.loads(frame[4:]) == DOCUMENT


def test_reading_takes_one_frame_and_leaves_what_follows() -> None:
    stream = io.BytesIO(encode(DOCUMENT) + b"rest")
    assert read(stream) == DOCUMENT
    assert stream.read() == b"rest"


@given(st.dictionaries(st.text(), st.text() | st.integers() | st.none()), st.integers(1, 50))
def test_a_frame_survives_any_division_into_chunks(document: dict[str, Any], size: int) -> None:
    frame, reader = encode(document), FrameReader()
    answers = [reader.feed(frame[at : at + size]) for at in range(0, len(frame), size)]
    assert answers[:-1] == [None] * (len(answers) - 1)
    assert answers[-1] == document


def test_a_stream_that_ends_within_a_frame_is_an_error() -> None:
    with pytest.raises(ProtocolError, match="ended with 1 of"):
        read(io.BytesIO(encode(DOCUMENT)[:-1]))
    with pytest.raises(ProtocolError, match="ended with 4 of 4"):
        read(io.BytesIO(b""))


def test_printed_text_is_not_taken_for_a_frame() -> None:
    with pytest.raises(ProtocolError, match="not a frame"):
        FrameReader().feed(b"Traceback (most recent call last)")


@pytest.mark.parametrize("body", [b"[1]", b'"text"', b"{", b"\xff{}"])
def test_only_a_json_object_is_a_document_and_its_content_is_not_told(body: bytes) -> None:
    with pytest.raises(ProtocolError) as caught:
        FrameReader().feed(struct.pack(">I", len(body)) + body)
    assert "text" not in str(caught.value)


def test_a_document_above_the_limit_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocol, "MAXIMUM_BYTES", 10)
    with pytest.raises(ProtocolError, match="above the limit of 10"):
        encode(DOCUMENT)


def test_replies_tell_success_from_failure() -> None:
    assert protocol.success({"engine": "redis"}) == {"protocol": 1, "ok": True, "result": {"engine": "redis"}}
    assert protocol.failure(Failure("BadRequest", "what", "how")) == {
        "protocol": 1,
        "ok": False,
        "error": {"kind": "BadRequest", "message": "what", "fix": "how"},
    }


@given(st.lists(st.binary(min_size=1)))
def test_data_arrives_piece_by_piece_and_what_follows_is_left(pieces: list[bytes]) -> None:
    stream = io.BytesIO()
    protocol.send(stream.write, [*pieces, b""])
    stream.write(b"rest")
    stream.seek(0)
    assert list(protocol.receive(stream)) == pieces
    assert stream.read() == b"rest"


def test_data_that_breaks_off_is_an_error() -> None:
    stream = io.BytesIO()
    protocol.send(stream.write, [b"one", b"two"])
    received = protocol.receive(io.BytesIO(stream.getvalue()[:-1]))
    assert next(received) == b"one"
    with pytest.raises(ProtocolError, match="ended with"):
        list(received)


def test_a_gigabyte_takes_no_more_memory_than_a_piece() -> None:
    reading, writing = os.pipe()
    piece = bytes(1024 * 1024)

    def fill() -> None:
        with os.fdopen(writing, "wb") as sink:
            protocol.send(sink.write, (piece for _ in range(1024)))

    tracemalloc.start()
    try:
        filler = threading.Thread(target=fill)
        filler.start()
        with os.fdopen(reading, "rb") as source:
            assert sum(len(received) for received in protocol.receive(source)) == 1024 * len(piece)
        filler.join()
        assert tracemalloc.get_traced_memory()[1] < 8 * len(piece)
    finally:
        tracemalloc.stop()


def test_a_piece_above_the_limit_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocol, "MAXIMUM_BYTES", 10)
    with pytest.raises(ProtocolError, match="above the limit of 10"):
        protocol.send(io.BytesIO().write, [b"x" * 11])
