"""What runs in the toolbox: one engine's part, as a set has it, into a directory.

`python backup_program.py <engine> <connection.json> <directory>`; prints what was taken.
"""

import json
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path

from backup.engines import load
from backup.engines.base import Task
from backup.keys import identity_of, recipient_of
from backup.parts import PartSink
from backup.targets.directory import Directory

_SEED = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="


def main(engine: str, connection: str, directory: str) -> None:
    """Back up; the files below the directory are compressed, encrypted, counted and summed."""
    root = Path(directory)
    sink = PartSink(Directory(root), "set", engine, recipient_of(identity_of(_SEED)))
    with tempfile.TemporaryDirectory(dir=root) as staging:
        task = Task(set_id="20261122-100000-abcd", staging=Path(staging), progress=lambda _: None)
        taken = load(engine).back_up(json.loads(Path(connection).read_text()), sink, task)
    print(json.dumps({**asdict(taken), "files": [asdict(file) for file in sink.files]}))


if __name__ == "__main__":
    main(*sys.argv[1:])
