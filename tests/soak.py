"""`make soak`: a stack of its own with a monitor, under load for an hour; its memory must stay flat and its checks on time."""

import argparse
import sys

import docker

from tests.e2e.live import LiveStack
from tests.e2e.monitor.soak import soak
from tests.e2e.monitor.watching import METRICS_PORT, Receiver, Watching

_INTERVAL = 5


def main() -> None:
    """Bring the stack up, watch its monitor, and take it down again."""
    parser = argparse.ArgumentParser(prog="make soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=60)
    options = parser.parse_args()
    live = LiveStack("test-soak")
    live.settings |= {
        "enableMonitoring": "true",
        "monitoringPort": str(METRICS_PORT),
        "monitoringInterval": str(_INTERVAL),
    }
    live.create()
    engine = docker.from_env()
    try:
        print("soak: the stack comes up", file=sys.stderr)
        live.up()
        watching = Watching(live, engine, Receiver())
        watching.until(lambda: watching.sample()["status"] == "healthy", "the stack is healthy", within=120)
        print(f"soak: {options.minutes:g} minutes", file=sys.stderr)
        seen = soak(watching, options.minutes, interval=_INTERVAL)
    finally:
        engine.close()
        live.erase()
    print(f"soak: {seen}")
    if seen.wrong:
        sys.exit(f"soak: failed: {'; '.join(seen.wrong)}")


if __name__ == "__main__":
    main()
