"""`python -m ops.cli`, which `./karen` runs."""

import atexit
import gc
import sys

from ops.cli.errors import INTERRUPTED

# Nearly all that a command makes lives until it ends: to look for garbage among it takes longer than many a command.
gc.set_threshold(100_000)
atexit.register(gc.freeze)

try:
    if sys.argv[1:2] == ["migrate"]:
        from ops.cli import ahead

        ahead.begin(sys.argv[1:])
    # What takes its time comes after the head start.
    from ops.cli.app import main

    main(sys.argv[1:])
except KeyboardInterrupt:
    sys.exit(INTERRUPTED)
