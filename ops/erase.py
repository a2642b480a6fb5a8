"""`make erase STACK=prod`: unprotects and removes a stack with all its data, once its name has been typed."""

import argparse
import sys

from ops.for_stack import for_stack
from ops.maintenance import maintenance
from ops.operations_volume import MaintenanceError
from ops.pulumi import PulumiError, run


def main() -> None:
    """Ask for the stack's name, unprotect everything, destroy."""
    parser = argparse.ArgumentParser(prog="make erase", description=__doc__)
    parser.add_argument("--stack", required=True)
    parser.add_argument("--confirm", help="the stack's name, instead of typing it")
    options = parser.parse_args()
    typed = options.confirm
    if typed is None:
        print(
            f"This removes every container, volume and password of the stack {options.stack}. The data cannot be recovered."
        )
        typed = input("Type the stack's name to go on: ").strip() if sys.stdin.isatty() else ""
    if typed != options.stack:
        sys.exit(
            f"{typed!r} is not {options.stack!r}: nothing was removed. Fix: type the stack's name, or --confirm {options.stack}"
        )
    try:
        with maintenance(options.stack, f"make erase STACK={options.stack}"):
            run(options.stack, "state", "unprotect", "--all", "--yes")
            run(options.stack, "destroy", "--yes", "--skip-preview", capture=False)
    except MaintenanceError as error:
        sys.exit(for_stack(str(error), options.stack))
    except PulumiError as error:
        sys.exit(f"{error}\nFix: run the same command again; it goes on where it stopped")
    print(f"The stack {options.stack} is erased.")


if __name__ == "__main__":
    main()
