"""`python -m ops.cli`, which `./karen` runs."""

import sys

from ops.cli.errors import INTERRUPTED

try:
    if sys.argv[1:2] == ["migrate"]:
        from ops.cli import ahead

        ahead.begin(sys.argv[1:])
    # What takes its time comes after the head start.
    from ops.cli.app import main

    main(sys.argv[1:])
except KeyboardInterrupt:
    sys.exit(INTERRUPTED)
