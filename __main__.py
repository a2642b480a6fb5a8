"""The Pulumi program: settings, stack, outputs."""

import pulumi

from components.machine import image_source
from components.preflight import check
from components.settings import Settings, SettingsError
from components.stack import DatabaseStack

name = pulumi.get_stack()
try:
    settings = Settings.load(image_source(name))
    check(name, settings)
except SettingsError as error:
    raise pulumi.RunError(str(error)) from None

for output, value in DatabaseStack(name, settings).outputs().items():
    pulumi.export(output, value)
