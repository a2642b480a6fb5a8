"""`python3 -m bootstrap`: everything a bare machine lacks, with the standard library alone until there is more."""

import argparse
import os
import sys

from bootstrap import engine, environment, places, state
from bootstrap.console import StepError


def main() -> None:
    """Provide the engine and the packages, then go on with those packages."""
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--stack", default="dev")
    parser.add_argument("--dev", action="store_true")
    parser.add_argument("--existing", action="store_true")
    asked, _ = parser.parse_known_args()
    development: bool = asked.dev
    try:
        if asked.existing:
            # Before anything is installed on a machine that is the wrong one.
            state.require(asked.stack)
        engine.ensure()
        environment.ensure(development=development)
    except StepError as error:
        print(f"\n{error}", file=sys.stderr)
        raise SystemExit(1) from None
    except KeyboardInterrupt:
        raise SystemExit("\nInterrupted. Run the same command again: it goes on where it stopped.") from None
    python = str(places.virtual_environment(development=development) / "bin" / "python")
    os.execv(python, [python, "-m", "bootstrap.provide", *sys.argv[1:]])


main()
