"""The Pulumi program: settings, stack, outputs."""

import atexit
from contextlib import ExitStack

import pulumi

from components.machine import image_source
from components.preflight import check
from components.settings import Settings, SettingsError
from init.resources.lifetime import end_with_parent
from ops.for_stack import for_stack


def checked(stack: str) -> Settings:
    """Return the settings of a stack; the run ends, with everything that is wrong, when they cannot work."""
    try:
        settings = Settings.load(image_source(stack))
        check(stack, settings)
    except SettingsError as error:
        raise pulumi.RunError(for_stack(str(error), stack)) from None
    return settings


def hold(stack: str) -> None:
    """Keep the stack's monitor from acting until this program ends; the run ends here when somebody else does."""
    from ops.maintenance import maintenance
    from ops.operations_volume import MaintenanceError

    held = ExitStack()
    try:
        held.enter_context(maintenance(stack, f"pulumi up --stack {stack}"))
    except MaintenanceError as error:
        raise pulumi.RunError(for_stack(str(error), stack)) from None
    # Pulumi ends the program once everything is made.
    atexit.register(held.close)


def main() -> None:
    """Declare the stack, and export what others need to know of it."""
    end_with_parent()
    name = pulumi.get_stack()
    settings = checked(name)
    if not pulumi.runtime.is_dry_run():
        hold(name)
    # Not before: what is refused is refused half a second sooner without the resources' libraries.
    from components.stack import DatabaseStack

    for output, value in DatabaseStack(name, settings).outputs().items():
        pulumi.export(output, value)


main()
