"""What runs inside a job's container: one step of PostgreSQL's part, or the receiver of its log, on plain files.

`python postgres_program.py <request.json>`; prints one JSON document.
"""

import json
import sys
import tempfile
import threading
from dataclasses import asdict
from pathlib import Path
from typing import Any

from backup.engines import postgres_cut
from backup.engines.base import Task
from backup.engines.postgres import PART
from backup.engines.postgres_settings import moment
from backup.keys import Signer
from backup.model import Taken
from backup.targets.directory import Directory
from backup.wal import Archive, ArchivedSource, Receiver
from init.protocol import Failure
from tests.contract.backup.plain_files import Files


def main(path: str) -> None:
    """Do what the request says."""
    request = json.loads(Path(path).read_text())
    try:
        answer: Any = _step(request)
    except Failure as failure:
        answer = {"failure": failure.document()}
    print(json.dumps(answer))


def _step(request: dict[str, Any]) -> Any:
    step, connection = request["step"], request["connection"]
    if step == "receive":
        return _receive(request)
    lines: list[str] = []
    with tempfile.TemporaryDirectory(dir=request.get("staging")) as staging:
        task = Task(set_id=request["set"], staging=Path(staging), progress=lines.append)
        files: Any = Files(Path(request["files"]))
        if step == "back_up":
            postgres_cut.ATTEMPTS = tuple(request.get("attempts", postgres_cut.ATTEMPTS))
            return asdict(PART.back_up(connection, files, task))
        if step == "summarize":
            return PART.summarize(connection)
        if step == "discard":
            PART.discard(connection, task)
            return {"lines": lines}
        taken = Taken(**request["taken"])
        if step == "load":
            if "archive" in connection:
                until = moment(connection["until"]).timestamp()
                files = ArchivedSource(files, _archive(connection), connection["identity"], taken=taken, until=until)
            PART.load(connection, files, taken, task)
        else:
            return {"back": getattr(PART, step)(connection, taken, task), "lines": lines}
    return {"lines": lines}


def _receive(request: dict[str, Any]) -> Any:
    """Receive until the file `stop` is there; every state goes into the file `states`, a line each."""
    root = Path(request["connection"]["archive"])
    root.mkdir(exist_ok=True)
    (root / "stop").unlink(missing_ok=True)
    stop = threading.Event()

    def tell(state: Any) -> None:
        with (root / "states").open("a") as file:
            file.write(json.dumps(asdict(state)) + "\n")
        if (root / "stop").exists():
            stop.set()

    staging = root / "staging"
    staging.mkdir(exist_ok=True)
    Receiver(request["connection"], _archive(request["connection"]), staging, tell=tell, switch_seconds=1.0).run(stop)
    return {}


def _archive(connection: dict[str, Any]) -> Archive:
    signer = Signer(connection["seed"])
    target = Directory(Path(connection["archive"]))
    return Archive(target, "test", recipient=connection["recipient"], signer=signer, trust=(signer.public,))


if __name__ == "__main__":
    main(sys.argv[1])
