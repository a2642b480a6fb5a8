"""The service's process: what it is made of, and how it ends."""

import os
import signal
import sys
from pathlib import Path

import structlog

from backup.configuration import FILE, OPERATIONS, Configuration
from backup.model import GOOD
from backup.service.archive import archiver
from backup.service.maker import Maker
from backup.service.scheduler import Scheduler
from backup.service.status import Outcome
from backup.sets import listed
from backup.targets import open_target


def newest(configuration: Configuration) -> Outcome | None:
    """Return the newest good set that is on the target; None without one."""
    entries = listed(open_target(configuration.target), configuration.stack, (configuration.public,))
    for entry in entries:
        if entry.good and entry.manifest is not None:
            found = entry.manifest
            return Outcome(trigger=found.trigger, began=found.began, ended=found.ended, state=GOOD, set=found.id)
    return None


def run(file: Path = FILE, directory: Path = OPERATIONS) -> int:
    """Work until a signal ends it. `file` is the configuration, `directory` is where the status is written."""
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(),
            structlog.processors.JSONRenderer(),
        ]
    )
    configuration = Configuration.read(file)
    scheduler = Scheduler(
        configuration.schedule,
        Maker([sys.executable, "-m", "backup.service", "make", str(file)]),
        archiver(configuration),
        lambda: newest(configuration),
        directory=directory,
    )
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: scheduler.end())
    scheduler.run()
    # Client libraries leave threads behind that would hold the exit up.
    sys.stdout.flush()
    os._exit(0)
