"""`./karen` on a live stack, and migrations of one's own beside those that are shipped."""

import json
import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bootstrap import places
from init.migrations import load
from ops.cli.migrate.folders import migrated
from tests.e2e.live import LiveStack

# One file more for two engines, each with its way back.
ADDED: Mapping[str, tuple[str, str, str]] = {
    "postgres": (
        "sql",
        "CREATE TABLE e2e_notes (id integer PRIMARY KEY, body text);\nCREATE INDEX e2e_notes_body_idx ON e2e_notes (body);\n",
        "DROP TABLE e2e_notes;\n",
    ),
    "elasticsearch": (
        "json",
        json.dumps(
            {
                "indices": [
                    {
                        "index": "ai_karen_e2e_v001",
                        "alias": "ai_karen_e2e",
                        "settings": {"number_of_shards": 1, "number_of_replicas": 0},
                        "mappings": {"dynamic": False, "properties": {"tenant_id": {"type": "keyword"}}},
                    }
                ]
            }
        ),
        json.dumps({"remove": ["ai_karen_e2e_v001"]}),
    ),
}
NAME = "e2e_notes"


@dataclass
class Karen:
    """The stack with a copy of its migrations, which a test may change; every program that is started reads the copy."""

    stack: LiveStack
    data: Path
    shipped: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.shipped = {engine: load(self.data / engine)[-1].version for engine in migrated()}

    @property
    def environment(self) -> dict[str, str]:
        return {**os.environ, "KAREN_DATA": str(self.data), "NO_COLOR": "1", "COLUMNS": "200"}

    def added(self, engine: str) -> Path:
        """Return the file of an engine's migration that is not shipped."""
        return self.data / engine / f"{int(self.shipped[engine]) + 1:03}_{NAME}.{ADDED[engine][0]}"

    def write(self) -> None:
        """Write the migrations that are not shipped."""
        for engine, (suffix, there, back) in ADDED.items():
            path = self.added(engine)
            path.write_text(there)
            path.with_name(f"{path.stem}.down.{suffix}").write_text(back)

    def run(self, *arguments: str, code: int | None = 0) -> "subprocess.CompletedProcess[str]":
        """Run a command of `./karen`; None allows any exit code."""
        done = subprocess.run(
            self.command(*arguments), env=self.environment, capture_output=True, text=True, check=False, timeout=300
        )
        assert code is None or done.returncode == code, f"{arguments}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done

    def json(self, *arguments: str, code: int = 0) -> dict[str, Any]:
        """Run a command and return the document that it prints."""
        found: dict[str, Any] = json.loads(self.run(*arguments, "--json", code=code).stdout)
        assert found["schema"] == 1
        return found

    def begin(self, *arguments: str) -> "subprocess.Popen[bytes]":
        """Start a command in a process group of its own; its output goes nowhere."""
        return subprocess.Popen(
            self.command(*arguments),
            env=self.environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def command(self, *arguments: str) -> list[str]:
        return [str(places.CHECKOUT / "karen"), *arguments, "--stack", self.stack.name]

    def inventory(self) -> dict[str, Any]:
        """Return ledger, schema and contents of every engine, as far as they can be counted."""
        found = self.json("migrate", "status", "--counts")["engines"]
        return {
            one["engine"]: [one["ledger"], one["objects"], one["counts"], one["kept"], one["drift"]] for one in found
        }

    def is_clean(self) -> None:
        """Pulumi has nothing to do, and what it recorded, the files, the ledgers and the schemas agree."""
        self.stack.pulumi("preview", "--expect-no-changes")
        assert self.json("migrate", "verify")["differences"] == []

    def pin(self, engine: str) -> str | None:
        """Return an engine's pin as the configuration has it."""
        done = self.stack.pulumi("config", "get", f"ai-karen-db:{engine}SchemaVersion", check=False)
        return done.stdout.strip() if done.returncode == 0 else None


@dataclass
class Brought:
    """A stack with one migration more in two engines, and what was seen on the way."""

    karen: Karen
    preview: str
    before: dict[str, Any]
    after_preview: dict[str, Any]
    up: dict[str, Any]
