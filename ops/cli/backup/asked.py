"""What a restore was asked for."""

import shlex
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class Asked:
    """The options of `backup restore`; `stack` is whose sets, `into` where they go."""

    stack: str
    into: str
    wanted: str = "latest"
    only: tuple[str, ...] = ()
    at: str | None = None
    mask: Path | None = None
    identity: Path | None = None
    target: str | None = None
    confirm: str | None = None

    @property
    def command(self) -> str:
        """Return the command that asks for the same, without leave."""
        words = ["./karen", "backup", "restore", self.wanted, "--stack", self.stack]
        words += ["--into", self.into] if self.into != self.stack else []
        words += [word for engine in self.only for word in ("--only", engine)]
        for key in ("at", "mask", "identity", "target"):
            value = getattr(self, key)
            words += [f"--{key}", str(value)] if value else []
        return shlex.join(words)
