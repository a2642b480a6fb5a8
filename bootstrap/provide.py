"""The part of bootstrap that runs in the project's virtual environment: tools, state, images, leftovers."""

import argparse
import os
import sys

from docker.errors import DockerException

from bootstrap import images, interrupted, leftovers, source, state, tools
from bootstrap.console import StepError


def main() -> None:
    """Provide what the named stack needs; each step says what it does and why, and does nothing when nothing is missing."""
    parser = argparse.ArgumentParser(prog="make bootstrap", description=__doc__)
    parser.add_argument("--stack", default="dev", help="the stack to prepare (default: dev)")
    parser.add_argument("--dev", action="store_true", help="also what tests and checks need")
    parser.add_argument(
        "--image-source", choices=["registry", "build"], help="where images come from, instead of probing"
    )
    parser.add_argument(
        "--remove-leftovers",
        action="store_true",
        help="consent to removing labelled containers, volumes and networks whose state is lost",
    )
    parser.add_argument("--no-images", action="store_true", help="do not build images")
    parser.add_argument(
        "--existing",
        action="store_true",
        help="refuse a stack that this machine's state does not have, and leave its state as it is",
    )
    options = parser.parse_args()
    # Interpreters that are started from here must find the virtual environment's scripts.
    os.environ["PATH"] = os.pathsep.join([os.path.dirname(sys.executable), os.environ.get("PATH", "")])
    try:
        chosen = source.ensure(options.stack, options.image_source)
        tools.ensure(chosen)
        if not options.existing:
            state.ensure(options.stack, development=options.dev)
            leftovers.check(options.stack, consent=options.remove_leftovers)
            interrupted.recover(options.stack, development=options.dev)
        if not options.no_images:
            images.build(chosen)
            if options.dev and chosen != "build":
                # The tests run against images built from packages, wherever the stacks' own come from.
                images.build("build")
    except StepError as error:
        print(f"\n{error}", file=sys.stderr)
        raise SystemExit(1) from None
    except DockerException as error:
        print(
            f"\nThe container engine does not do what it is asked: {error}\nFix: docker info says more; then make up again",
            file=sys.stderr,
        )
        raise SystemExit(1) from None
    except KeyboardInterrupt:
        raise SystemExit("\nInterrupted. Run the same command again: it goes on where it stopped.") from None


if __name__ == "__main__":
    main()
