"""`python -m monitor` keeps a worker alive, `work` is that worker, and `check` tells the container engine whether it works."""

import sys


def main(arguments: list[str]) -> int:
    """Do one of the three."""
    if arguments[:1] == ["work"]:
        from monitor.worker import work

        return work(int(arguments[1]), arguments[2])
    if arguments == ["check"]:
        from monitor.sample import is_recent

        return 0 if is_recent() else 1
    from monitor.watchdog import Watchdog

    Watchdog([sys.executable, "-m", "monitor", "work"]).run()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
