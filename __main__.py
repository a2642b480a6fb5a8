"""The Pulumi program: settings, stack, outputs."""

import pulumi

from components.machine import image_source
from components.preflight import check
from components.settings import Settings, SettingsError
from init.resources.lifetime import end_with_parent


def checked(stack: str) -> Settings:
    """Return the settings of a stack; the run ends, with everything that is wrong, when they cannot work."""
    try:
        settings = Settings.load(image_source(stack))
        check(stack, settings)
    except SettingsError as error:
        raise pulumi.RunError(str(error)) from None
    return settings


def main() -> None:
    """Declare the stack, and export what others need to know of it."""
    end_with_parent()
    name = pulumi.get_stack()
    settings = checked(name)
    # Not before: what is refused is refused half a second sooner without the resources' libraries.
    from components.stack import DatabaseStack

    for output, value in DatabaseStack(name, settings).outputs().items():
        pulumi.export(output, value)


main()
