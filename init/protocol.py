"""The job protocol: one length-prefixed JSON document in, one out.

Host and toolbox share this module. A frame is a 4-byte big-endian length followed by that many bytes of UTF-8 JSON, so
neither side depends on an end-of-file, which half-closed TLS, SSH and pipe connections report differently. A request may be
followed by data: frames of bytes, of which the last is empty.
"""

import json
import struct
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import IO, Any

PROTOCOL = 1
# A length above this is not a frame: most likely text that a library printed to the channel.
MAXIMUM_BYTES = 64 * 1024 * 1024
_LENGTH = struct.Struct(">I")
# What to do about a request that is not understood.
CORRECT = "correct the request: host and toolbox must be of one version (make images)"


class ProtocolError(ValueError):
    """The bytes are not a frame of this protocol."""


class Failure(Exception):
    """An expected failure, answered as an error reply: its kind, what happened, and what to do about it."""

    def __init__(self, kind: str, message: str, fix: str) -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message
        self.fix = fix

    def document(self) -> dict[str, str]:
        """Return it as it stands in an answer."""
        return {"kind": self.kind, "message": self.message, "fix": self.fix}


def encode(document: Mapping[str, Any]) -> bytes:
    """Return the document as one frame; ProtocolError if it is too large."""
    body = json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()
    if len(body) > MAXIMUM_BYTES:
        raise ProtocolError(f"a document of {len(body)} bytes is above the limit of {MAXIMUM_BYTES}")
    return _LENGTH.pack(len(body)) + body


class FrameReader:
    """Assembles one frame from chunks of any size, as a socket delivers them."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, chunk: bytes) -> dict[str, Any] | None:
        """Take the next bytes; return the document once it is complete, None before. ProtocolError on anything else."""
        self._buffer += chunk
        if len(self._buffer) < _LENGTH.size:
            return None
        end = _LENGTH.size + _checked_length(bytes(self._buffer[: _LENGTH.size]))
        if len(self._buffer) < end:
            return None
        document = _decode(bytes(self._buffer[_LENGTH.size : end]))
        del self._buffer[:end]
        return document


def read(stream: IO[bytes]) -> dict[str, Any]:
    """Read one frame and not a byte more; ProtocolError when the stream ends within it."""
    return _decode(_exactly(stream, _checked_length(_exactly(stream, _LENGTH.size))))


def send(write: Callable[[bytes], object], data: Iterable[bytes]) -> None:
    """Write data as frames, and the empty one that ends them; no more than one piece is in memory."""
    for piece in data:
        if len(piece) > MAXIMUM_BYTES:
            raise ProtocolError(f"a piece of {len(piece)} bytes is above the limit of {MAXIMUM_BYTES}")
        if piece:
            write(_LENGTH.pack(len(piece)))
            write(piece)
    write(_LENGTH.pack(0))


def receive(stream: IO[bytes]) -> Iterator[bytes]:
    """Return the frames of data up to the empty one; ProtocolError when the stream ends before it."""
    while length := _checked_length(_exactly(stream, _LENGTH.size)):
        yield _exactly(stream, length)


def success(result: Mapping[str, Any]) -> dict[str, Any]:
    """Return the reply of a job that did its work."""
    return {"protocol": PROTOCOL, "ok": True, "result": dict(result)}


def failure(error: Failure) -> dict[str, Any]:
    """Return the reply of a job that could not do its work."""
    return {"protocol": PROTOCOL, "ok": False, "error": error.document()}


def _checked_length(prefix: bytes) -> int:
    length: int = _LENGTH.unpack(prefix)[0]
    if length > MAXIMUM_BYTES:
        raise ProtocolError(f"not a frame: it starts with {prefix!r}, a length above {MAXIMUM_BYTES} bytes")
    return length


def _exactly(stream: IO[bytes], size: int) -> bytes:
    parts: list[bytes] = []
    missing = size
    while missing:
        part = stream.read(missing)
        if not part:
            raise ProtocolError(f"the stream ended with {missing} of {size} bytes of a frame missing")
        parts.append(part)
        missing -= len(part)
    return b"".join(parts)


def _decode(body: bytes) -> dict[str, Any]:
    try:
        document = json.loads(body)
    except ValueError as error:
        # The body may hold secrets, and a decoding error quotes it: its type is all that is told.
        raise ProtocolError(f"a frame of {len(body)} bytes is not UTF-8 JSON ({type(error).__name__})") from None
    if not isinstance(document, dict):
        raise ProtocolError(f"a frame holds a {type(document).__name__}, not a JSON object")
    return document
