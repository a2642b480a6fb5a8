"""What programs print about a stack, to either channel, however they end."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bootstrap import places
from tests.e2e.security.conftest import KNOWN, NEXT, Secured, set_secrets

_CHANGES = {
    "backupTarget": "s3://next",
    "backupEndpoint": "http://127.0.0.1:9",
    "duckdbPath": f"/data/duckdb/{KNOWN}2.db",
}


def said(secured: Secured, *command: str | Path, **variables: str) -> bytes:
    environment = {**secured.live.environment, "NO_COLOR": "1", **variables}
    done = subprocess.run(command, env=environment, cwd=places.CHECKOUT, capture_output=True, check=False, timeout=240)
    return done.stdout + done.stderr


def karen(secured: Secured, *arguments: str, **variables: str) -> bytes:
    return said(secured, places.CHECKOUT / "karen", *arguments, "--stack", secured.live.name, **variables)


def pulumi(secured: Secured, *arguments: str) -> bytes:
    return said(secured, places.tools() / "pulumi", *arguments, "--stack", secured.live.name, "--non-interactive")


@contextmanager
def about_to_change(secured: Secured) -> Iterator[None]:
    """Have other settings configured, of which some are secret."""
    before = secured.live.file.read_text()
    try:
        told = (("--plaintext", f"ai-karen-db:{key}={value}") for key, value in _CHANGES.items())
        secured.live.pulumi("config", "set-all", *(part for pair in told for part in pair))
        set_secrets(secured.live, NEXT)
        yield
    finally:
        secured.live.file.write_text(before)
