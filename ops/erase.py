"""`make erase STACK=prod`: unprotects and removes a stack with all its data, once its name has been typed."""

import argparse
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from bootstrap.leftovers import find, remove
from ops.audit.current import agent
from ops.audit.session import recorded
from ops.cli.upgrade import configured
from ops.engine_errors import engine_errors, told
from ops.for_stack import for_stack
from ops.maintenance import UnderMaintenance, maintenance
from ops.operations_volume import UnreachableError
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
    # On a full disk as well: it is what frees it.
    with recorded(options.stack, "make erase", must=False):
        _erase(options.stack)
    print(f"The stack {options.stack} is erased.")


def _erase(stack: str) -> None:
    try:
        with _lease(stack):
            run(stack, "state", "unprotect", "--all", "--yes")
            run(stack, "destroy", "--yes", "--skip-preview", *agent(), capture=False)
        _remove_kept(stack)
        configured.clear(stack)
    except UnderMaintenance as error:
        sys.exit(for_stack(str(error), stack))
    except PulumiError as error:
        sys.exit(f"{error}\nFix: run the same command again; it goes on where it stopped")
    except engine_errors() as error:
        fix = "stop the containers that it names, and run the same command again; it goes on where it stopped"
        sys.exit(f"The container engine did not remove what is left of {stack}: {told(error)}. Fix: {fix}")


def _remove_kept(stack: str) -> None:
    """Remove what Pulumi does not know any more: volumes that upgrades have kept."""
    import docker

    client = docker.from_env(timeout=60)
    try:
        remove(client, find(client, stack))
    finally:
        client.close()


@contextmanager
def _lease(stack: str) -> Iterator[None]:
    """Keep everybody else off the stack; a monitor that cannot be told, as on a full disk, is removed with the rest."""
    with ExitStack() as held:
        try:
            held.enter_context(maintenance(stack, f"make erase STACK={stack}"))
        except UnreachableError as error:
            print(for_stack(f"{error}. It is removed all the same.", stack), file=sys.stderr)
        yield


if __name__ == "__main__":
    main()
