"""A large collection goes through in little memory."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pymilvus import DataType, FieldSchema

from tests.contract.backup import milvus_contents as made
from tests.contract.backup.plain_files import Files, task
from tests.contract.milvus_server import started

pytestmark = [pytest.mark.contract, pytest.mark.full, pytest.mark.timeout(1200)]
_ROWS, _BATCH, _DIMENSIONS = 100_000, 2_000, 384
_MOST_MEGABYTES = 256


def test_a_hundred_thousand_vectors_come_back_in_little_memory(tmp_path: Path) -> None:
    chance = np.random.default_rng(1)
    with started("backup-milvus-size", authorization=False, memory="2g") as server:
        vector = FieldSchema("embedding", DataType.FLOAT_VECTOR, dim=_DIMENSIONS)
        made.make(server.client, "many", [made.KEY, made.TEXT, vector], dynamic=True)
        for first in range(0, _ROWS, _BATCH):
            vectors = chance.standard_normal((_BATCH, _DIMENSIONS), dtype=np.float32)
            batch = [
                {**made.text(first + number), "embedding": row, "more": number} for number, row in enumerate(vectors)
            ]
            server.client.insert("many", batch)
        server.client.load_collection("many")
        told: Any = {"directory": str(tmp_path), "connection": server.connection}
        for step in ("back_up", "restore"):
            script = f"from {__name__} import measured; import sys; measured(sys.argv[1])"
            run = subprocess.run(
                [sys.executable, "-c", script, json.dumps({**told, "step": step})],
                check=True,
                stdout=subprocess.PIPE,
                text=True,
            )
            answer = json.loads(run.stdout)
            assert answer["counts"] == {"many": _ROWS}
            assert answer["megabytes"] < _MOST_MEGABYTES, answer


def measured(told: str) -> None:
    """Do a step in this process, and print what memory it took at most."""
    import resource
    from dataclasses import asdict

    from backup.engines.milvus import PART
    from backup.model import Taken

    request = json.loads(told)
    directory, connection = Path(request["directory"]), request["connection"]
    files, note = Files(directory / "set"), directory / "taken.json"
    if request["step"] == "back_up":
        taken = PART.back_up(connection, files, task(directory))
        note.write_text(json.dumps(asdict(taken)))
    else:
        taken = Taken(**json.loads(note.read_text()))
        PART.load(connection, files, taken, task(directory))
        PART.exchange(connection, taken, task(directory))
        PART.finish(connection, taken, task(directory))
        assert PART.summarize(connection) == (taken.counts, taken.checksums)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print(json.dumps({"counts": dict(taken.counts), "megabytes": peak}))
