"""`python3 -m bootstrap.shell [stack]`: the environment as shell assignments, for `activate`."""

import os
import shlex
import sys

from bootstrap import places

_NAMES = (
    "PATH",
    "VIRTUAL_ENV",
    "KAREN_HOME",
    "PULUMI_HOME",
    "PULUMI_BACKEND_URL",
    "PULUMI_CONFIG_PASSPHRASE_FILE",
    "PULUMI_SKIP_UPDATE_CHECK",
    "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION",
)


def main() -> None:
    """Print one export a line; the development environment where it is complete, else the daily one."""
    stack = sys.argv[1] if len(sys.argv) > 1 else "dev"
    development = (places.virtual_environment(development=True) / ".complete").exists()
    if not development and not (places.virtual_environment(development=False) / ".complete").exists():
        print("echo 'activate: nothing is installed yet. Run: make up' >&2")
        return
    environment = places.pulumi_environment(stack, development=development)
    for name in _NAMES:
        print(f"export {name}={shlex.quote(environment[name])}")
    if "PULUMI_CONFIG_PASSPHRASE" in os.environ:
        print("unset PULUMI_CONFIG_PASSPHRASE")


main()
