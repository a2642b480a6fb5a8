"""An engine that is not shipped, to show what a new one takes: its driver is found as if it lay in `init/engines/`."""

import init.engines

NAMES = ("sqlite",)
init.engines.__path__.append(__path__[0])
init.engines.NAMES = (*init.engines.NAMES, *NAMES)
