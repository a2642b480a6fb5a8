"""What the tests of sets make: keys, a directory as target, and small sets of made-up engines."""

import base64
from collections.abc import Mapping
from pathlib import Path

from backup.keys import Signer, identity_of, recipient_of
from backup.model import Manifest, Taken
from backup.targets.base import Target
from backup.targets.directory import Directory
from backup.writing import Origin, SetWriter

STACK = "dev"
SEED, OTHER_SEED = (base64.b64encode(bytes([number]) * 32).decode() for number in (1, 2))
IDENTITY, OTHER_IDENTITY = identity_of(SEED), identity_of(OTHER_SEED)
RECIPIENT = recipient_of(IDENTITY)
SIGNER, OTHER_SIGNER = Signer(SEED), Signer(OTHER_SEED)
TRUST = (SIGNER.public,)
FILES: Mapping[str, Mapping[str, bytes]] = {
    "postgres": {"base.tar": b"rows " * 4000, "globals.sql": b"-- nothing\n"},
    "milvus": {"collections/memory.rows": bytes(range(256)) * 20, "empty": b""},
}
TAKEN = Taken(
    tool="tool 1",
    server_version="1.2",
    schema_version="003",
    counts={"table": 3},
    checksums={"table": "00" * 16},
    began=1.0,
    ended=2.5,
)


def directory(path: Path) -> Directory:
    path.mkdir(exist_ok=True)
    return Directory(path)


def nothing() -> None:
    """Guard a lock that nobody takes away."""


def origin(label: str = "", signer: Signer = SIGNER, *, partial: bool = False) -> Origin:
    return Origin(
        stack=STACK,
        trigger="manual",
        software="0.1.0",
        recipient=RECIPIENT,
        label=label,
        partial=partial,
        signer=signer,
    )


def write_files(writer: SetWriter) -> None:
    for engine, files in FILES.items():
        for name, content in files.items():
            with writer.sink(engine).file(name) as stream:
                stream.write(content)


def made(
    target: Target, label: str = "", *, signer: Signer = SIGNER, incomplete: bool = False, partial: bool = False
) -> Manifest:
    """Make a set of two engines with four files and a record of the stack; one engine may be incomplete."""
    with SetWriter(target, origin(label, signer, partial=partial), nothing) as writer:
        write_files(writer)
        with writer.state() as stream:
            stream.write(b'{"version": 3}')
        writer.good("postgres", TAKEN)
        if incomplete:
            writer.incomplete("milvus", "it did not answer")
        else:
            writer.good("milvus", TAKEN)
    assert writer.manifest is not None
    return writer.manifest
