"""`make up`: brings a stack up, initialized and verified, and records who did it."""

import argparse
import shutil
import subprocess
import sys
from collections.abc import Sequence

from bootstrap import places
from ops.audit.current import agent
from ops.audit.session import recorded
from ops.cli.errors import DONE, INTERRUPTED, REFUSED, CommandError, Refused
from ops.cli.rotate import configured
from ops.cli.rotate.accounts import ADMINISTRATOR
from ops.for_stack import for_stack
from ops.pulumi import is_development


def main() -> None:
    """Run Pulumi's update in this terminal, and end as it ends."""
    parser = argparse.ArgumentParser(prog="make up", description=__doc__)
    parser.add_argument("--stack", required=True)
    stack = parser.parse_args().stack
    try:
        ensure_finished(stack)
        with recorded(stack, "make up") as run:
            run.exit = _update(stack, ("--refresh", "--yes", "--skip-preview", *agent()))
    except CommandError as error:
        sys.exit(for_stack(str(error), stack))
    sys.exit(run.exit)


def ensure_finished(stack: str) -> None:
    """Return if no administrator's password is half changed: the server may have the next one, and Pulumi would use the former."""
    if cut := [name for name in configured.unfinished(stack) if name.endswith(ADMINISTRATOR)]:
        told = f"A rotation of {stack} was cut off: {', '.join(cut)}. Nothing was changed."
        raise Refused(f"{told} Fix: ./karen rotate all --stack {stack}, which finishes it; then make up STACK={stack}")


def _update(stack: str, arguments: Sequence[str]) -> int:
    environment = places.pulumi_environment(stack, development=is_development())
    pulumi = shutil.which("pulumi", path=environment["PATH"]) or "pulumi"
    with subprocess.Popen([pulumi, "up", *arguments, "--stack", stack], env=environment, cwd=places.CHECKOUT) as update:
        try:
            return DONE if update.wait() == 0 else REFUSED
        except KeyboardInterrupt:
            # It was told as well, and ends in good order by itself.
            update.wait()
            return INTERRUPTED


if __name__ == "__main__":
    main()
