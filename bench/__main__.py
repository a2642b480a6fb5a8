"""`make bench`: print every ratio; a missed goal is shown, and does not fail the run: timings are no test."""

from bench import cold, failure, imports, load, memory, migrations, noop, noop_migrate, operate
from bench.live import BenchStack


def main() -> None:
    """Measure on a stack of its own, erased whatever happens."""
    print(imports.run().line(), flush=True)
    print(migrations.run().line(), flush=True)
    for ratio in load.run():
        print(ratio.line(), flush=True)
    stack = BenchStack()
    stack.create()
    try:
        for ratio in cold.run(stack):
            print(ratio.line(), flush=True)
        for ratio in operate.run(stack):
            print(ratio.line(), flush=True)
        for measured in (noop.run, noop_migrate.run, failure.run, memory.run):
            print(measured(stack).line(), flush=True)
    finally:
        stack.erase()


main()
