"""`make bench`: print every ratio; a missed goal is shown, and does not fail the run: timings are no test.

`python -m bench [name …]` measures only what is named.
"""

import argparse
from collections.abc import Callable, Iterable, Mapping, Sequence

from bench import (
    client,
    cold,
    failure,
    imports,
    load,
    memory,
    migrations,
    noop,
    noop_migrate,
    operate,
    postgres_backup,
    redis_backup,
    refused,
)
from bench.live import BenchStack
from bench.measure import Ratio

# With servers of their own, or none.
_ALONE: Mapping[str, Callable[[], Iterable[Ratio]]] = {
    "imports": lambda: [imports.run()],
    "migrations": lambda: [migrations.run()],
    "load": load.run,
    "client": client.run,
    "postgres_backup": postgres_backup.run,
    "redis_backup": lambda: [redis_backup.run()],
    "refused": refused.run,
}
# One after the other on one stack, which the first of them has made anew.
_STACK: Sequence[Callable[[BenchStack], Iterable[Ratio]]] = (
    cold.run,
    operate.run,
    lambda stack: [noop.run(stack)],
    lambda stack: [noop_migrate.run(stack)],
    lambda stack: [failure.run(stack)],
    lambda stack: [memory.run(stack)],
)


def main() -> None:
    """Measure what is named, by default everything; the stack is the benchmark's own, erased whatever happens."""
    parser = argparse.ArgumentParser(prog="python -m bench", description="Print ratios against peers.")
    parser.add_argument(
        "names", nargs="*", metavar="name", help=f"any of {', '.join([*_ALONE, 'stack'])} (default: all)"
    )
    names = parser.parse_args().names or [*_ALONE, "stack"]
    if unknown := sorted(set(names) - {*_ALONE, "stack"}):
        parser.error(f"{', '.join(unknown)}: allowed are {', '.join([*_ALONE, 'stack'])}")
    for name, measured in _ALONE.items():
        if name in names:
            _show(measured())
    if "stack" in names:
        _on_a_stack()


def _on_a_stack() -> None:
    stack = BenchStack()
    stack.create()
    try:
        for measured in _STACK:
            _show(measured(stack))
    finally:
        stack.erase()


def _show(ratios: Iterable[Ratio]) -> None:
    for ratio in ratios:
        print(ratio.line(), flush=True)


main()
