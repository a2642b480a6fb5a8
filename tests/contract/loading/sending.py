"""Data as it is sent to a job, and what is asked of an error."""

import io
from collections.abc import Iterable, Iterator
from typing import Any

import pytest

from init import protocol
from init.loading import load
from init.protocol import Failure

SECRET = "not-to-be-seen"


def sent(pieces: Iterable[bytes]) -> io.BytesIO:
    stream = io.BytesIO()
    protocol.send(stream.write, pieces)
    stream.seek(0)
    return stream


def rows(count: int) -> Iterator[bytes]:
    yield b"id,tenant\n"
    for start in range(0, count, 10_000):
        yield "".join(f"{n},tenant {n % 7}\n" for n in range(start, min(start + 10_000, count))).encode()


def refusal(request: dict[str, Any], pieces: Iterable[bytes]) -> Failure:
    with pytest.raises(Failure) as caught:
        load(request, sent(pieces))
    assert SECRET not in caught.value.message + caught.value.fix
    return caught.value
