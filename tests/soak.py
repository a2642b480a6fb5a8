"""`make soak`: a stack of its own with a monitor, under load for an hour; its memory must stay flat and its checks on time."""

import argparse
import sys

import docker

from tests.e2e.live import LiveStack
from tests.e2e.monitor.soak import MEBIBYTES, soak
from tests.e2e.monitor.watching import METRICS_PORT, Receiver, Watching

_ON_TIME = 0.99


def main() -> None:
    """Bring the stack up, watch its monitor, and take it down again."""
    parser = argparse.ArgumentParser(prog="make soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=60)
    options = parser.parse_args()
    live = LiveStack("test-soak")
    live.settings |= {"enableMonitoring": "true", "monitoringPort": str(METRICS_PORT)}
    live.create()
    engine = docker.from_env()
    try:
        print("soak: the stack comes up", file=sys.stderr)
        live.up()
        watching = Watching(live, engine, Receiver())
        watching.until(lambda: watching.sample()["status"] == "healthy", "the stack is healthy", within=120)
        print(f"soak: {options.minutes:g} minutes", file=sys.stderr)
        seen = soak(watching, options.minutes)
    finally:
        engine.close()
        live.erase()
    print(f"soak: {seen}")
    if seen.on_time <= _ON_TIME or seen.grown >= MEBIBYTES:
        sys.exit(f"soak: failed; allowed are {1 - _ON_TIME:.0%} late checks and {MEBIBYTES} MiB more")


if __name__ == "__main__":
    main()
