"""A process that puts notices and is killed: python -m tests.unit.monitor.putting <directory> <url> <how many>.

It prints the number of each notice once that is taken over.
"""

import logging
import sys
import time
from pathlib import Path

import structlog

from monitor.alerts.channels import WebhookChannel
from monitor.alerts.outbox import Outbox
from tests.unit.monitor.notices import now

if __name__ == "__main__":
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    outbox = Outbox(Path(sys.argv[1]), [WebhookChannel(sys.argv[2])])
    for number in range(int(sys.argv[3])):
        outbox.put(now(number))
        print(number, flush=True)
    time.sleep(60)
