"""`python3 -m bootstrap`: everything a bare machine lacks, with the standard library alone until there is more."""

import os
import sys

from bootstrap import engine, environment, places
from bootstrap.console import StepError


def main() -> None:
    """Provide the engine and the packages, then go on with those packages."""
    development = "--dev" in sys.argv[1:]
    try:
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
