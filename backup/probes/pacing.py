"""Progress that is told every two seconds at most."""

import time

from backup.probes import Tell

_SECONDS = 2.0


class Paced:
    """Tells how far a probe is: `postgres: 3 of 12 tables read`."""

    def __init__(self, progress: Tell, engine: str) -> None:
        self._progress, self._engine, self._last = progress, engine, time.monotonic()

    def __call__(self, text: str) -> None:
        """Tell it if it is time."""
        if time.monotonic() - self._last >= _SECONDS:
            self._last = time.monotonic()
            self._progress(f"{self._engine}: {text}")
