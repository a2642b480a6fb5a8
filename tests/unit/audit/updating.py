"""A real stack of Pulumi's that has nothing but outputs: the audit's key, as the project's own program exports it."""

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from bootstrap import places
from tests.unit.audit.recording import SEED, SIGNER, STACK

PROGRAM = f"""
import os, pulumi
if os.environ.get("FAILS"):
    raise RuntimeError("as asked")
pulumi.export("audit", {{"public": {SIGNER.public!r}}})
pulumi.export("operations", pulumi.Output.secret({{"audit": {{"seed": {SEED!r}}}}}))
pulumi.export("secret", pulumi.Output.secret("a-secret-output"))
"""


@dataclass
class Updates:
    """Updates of that stack, as somebody makes them by hand or a command does."""

    directory: Path

    @classmethod
    def begin(cls, directory: Path) -> "Updates":
        """Make the stack, which was never up."""
        directory.mkdir()
        (directory / "Pulumi.yaml").write_text(f"name: {places.PROJECT}\nruntime:\n  name: python\n")
        (directory / "__main__.py").write_text(PROGRAM)
        (places.home() / "state").mkdir(parents=True)
        updates = cls(directory)
        updates.pulumi("stack", "init", "--no-select")
        updates.pulumi("config", "set", "password", "a-setting-s-secret", "--secret")
        return updates

    def pulumi(self, *arguments: str, check: bool = True, **variables: str) -> "subprocess.CompletedProcess[str]":
        pulumi = shutil.which("pulumi")
        assert pulumi is not None, "Pulumi is not installed: make bootstrap"
        environment = {**places.pulumi_environment(STACK), "VIRTUAL_ENV": sys.prefix, "PATH": os.environ["PATH"]}
        return subprocess.run(
            [pulumi, *arguments, "--stack", STACK, "--non-interactive"],
            cwd=self.directory, env={**environment, **variables}, capture_output=True, text=True, check=check,
        )  # fmt: skip

    def up(self, *arguments: str, check: bool = True, **variables: str) -> None:
        self.pulumi("up", "--yes", "--skip-preview", *arguments, check=check, **variables)
