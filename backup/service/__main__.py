"""`python -m backup.service` makes sets at their times, `make FILE TRIGGER` is one of its runs, and `check` tells the container engine whether it works."""

import sys


def main(arguments: list[str]) -> int:
    """Do one of the three."""
    if arguments[:1] == ["make"]:
        from pathlib import Path

        from backup.service import making

        return making.main(Path(arguments[1]), arguments[2])
    if arguments == ["check"]:
        from backup.service.status import is_recent

        return 0 if is_recent() else 1
    from backup.service.running import run

    return run()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
