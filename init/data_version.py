"""By which major version of its engine the data in a volume were written, as they say it themselves."""

from pathlib import Path

from init.protocol import Failure

# Where an engine's own files say it, below the volume. The others' say it in no file that can be read without their server.
_FILES = {"postgres": ("pgdata/PG_VERSION", "PG_VERSION")}


def check(root: Path, service: str, version: str, volume: str) -> None:
    """Return where the data are of this major version, or there are none; Failure `VersionMismatch` names the volume."""
    files = [root / name for name in _FILES.get(service, ()) if (root / name).is_file()]
    found = files[0].read_text(encoding="utf-8").strip() if files else version
    if found != version:
        raise Failure(
            "VersionMismatch",
            f"the data in the volume {volume} are of {service} {found}, and its server is of {version}; nothing was changed",
            f"use the checkout whose {service} is of version {found}, and bring them here with ./karen backup create --logical and restore",
        )
