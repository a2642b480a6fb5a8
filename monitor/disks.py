"""How full the disks are on which the volumes lie."""

import os
from collections.abc import Iterable
from pathlib import Path

from monitor.model import Usage


def disks(directory: Path, services: Iterable[str]) -> dict[str, Usage]:
    """Return, by service, the file system of its volume, mounted below `directory`; one that is not mounted is left out.

    What only the super-user may still use does not count as left: https://man7.org/linux/man-pages/man3/statvfs.3.html.
    """
    found = {}
    for service in services:
        try:
            facts = os.statvfs(directory / service)
            device = os.stat(directory / service).st_dev
        except OSError:
            continue
        used = facts.f_blocks - facts.f_bfree
        limit = (used + facts.f_bavail) * facts.f_frsize
        found[service] = Usage(used=used * facts.f_frsize, limit=limit, device=device)
    return found
