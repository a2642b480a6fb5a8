"""A manifest is read as it was written, or refused."""

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backup.keys import Signer, fingerprint
from backup.manifests import read, render
from backup.model import EnginePart, Manifest, StoredFile
from init.protocol import Failure
from tests.unit.backup.making import OTHER_SIGNER, RECIPIENT, SIGNER, STACK, TAKEN, TRUST

ID = "20261122T152100.048213Z-1f2e"
FILE = StoredFile(path="postgres/base.tar.zst.age", stored=10, plain=20, sha256="ab" * 32)
MANIFEST = Manifest(
    id=ID,
    stack=STACK,
    label="before the change: ü",
    trigger="manual",
    software="0.1.0",
    recipient=RECIPIENT,
    began=1.25,
    ended=3.5,
    engines={
        "postgres": EnginePart(state="good", taken=TAKEN, files=(FILE,)),
        "milvus": EnginePart(state="incomplete", reason="it did not answer"),
    },
    audit={"record": "ab" * 32, "number": 12, "head": "cd" * 32},
)
DATA = render(MANIFEST, SIGNER)


def reading(data: bytes, **changes: Any) -> Manifest:
    values: dict[str, Any] = {"path": "dev/sets/x/manifest.json", "stack": STACK, "set_id": ID, "trust": TRUST}
    return read(data, **{**values, **changes})


def refused(data: bytes, **changes: Any) -> Failure:
    with pytest.raises(Failure) as caught:
        reading(data, **changes)
    assert caught.value.message.startswith("dev/sets/x/manifest.json: ")
    assert caught.value.fix
    return caught.value


def signed(document: Any, signer: Signer = SIGNER) -> bytes:
    line = json.dumps(document).encode()
    return line + b"\n" + f"ed25519:{signer.public}:{signer.sign(line)}\n".encode()


def test_it_is_two_lines_of_ascii_and_read_again_as_it_was() -> None:
    assert (DATA.count(b"\n"), DATA.isascii(), DATA[:12]) == (2, True, b'{"audit":{"h')
    assert reading(DATA) == MANIFEST
    assert (MANIFEST.good, render(reading(DATA), SIGNER)) == (False, DATA)


@given(st.integers(0, len(DATA) - 1), st.integers(1, 255))
def test_no_byte_of_it_may_differ(at: int, flip: int) -> None:
    assert refused(DATA[:at] + bytes([DATA[at] ^ flip]) + DATA[at + 1 :]).kind == "Damaged"


@given(st.integers(0, len(DATA) - 1))
def test_it_may_not_be_cut(size: int) -> None:
    assert refused(DATA[:size]).kind == "Damaged"


@pytest.mark.parametrize("more", [b"\n", b" ", b"{}", b"\x00", DATA])
def test_nothing_may_be_added(more: bytes) -> None:
    assert refused(DATA + more).kind == refused(more + DATA).kind == "Damaged"


def test_another_key_is_not_trusted_and_both_are_told() -> None:
    failure = refused(render(MANIFEST, OTHER_SIGNER))
    assert failure.kind == "NotTrusted"
    assert fingerprint(OTHER_SIGNER.public) in failure.message
    assert fingerprint(SIGNER.public) in failure.message
    assert reading(render(MANIFEST, OTHER_SIGNER), trust=(*TRUST, OTHER_SIGNER.public)) == MANIFEST
    assert refused(DATA, trust=()).message.endswith("trusted: none")


def test_a_newer_format_is_told_as_such() -> None:
    failure = refused(signed({**MANIFEST.document(), "format": 2}))
    assert (failure.kind, "update this checkout" in failure.fix) == ("Newer", True)


@pytest.mark.parametrize("document", [{}, [], 1, {"format": 0}, {"format": "2"}, {"format": 1, "id": ID}])
def test_what_is_signed_and_no_manifest_is_refused(document: Any) -> None:
    assert refused(signed(document)).kind == "Damaged"


@pytest.mark.parametrize("change", [{"id": ID[:-1] + "f"}, {"stack": "prod"}])
def test_another_sets_manifest_is_refused(change: dict[str, str]) -> None:
    failure = refused(render(replace(MANIFEST, **change), SIGNER))  # type: ignore[arg-type]
    assert failure.kind == "Damaged"
    assert next(iter(change.values())) in failure.message
