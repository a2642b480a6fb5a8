"""Importing the program against importing the three Pulumi SDKs it is made of."""

import subprocess
import sys

from bench.measure import Ratio, compare, seconds
from bootstrap import places

SDKS = "import pulumi, pulumi_docker, pulumi_random"
PROGRAM = "import components.machine, components.preflight, components.settings, components.stack"


def run() -> Ratio:
    """Measure whole interpreters, each fresh."""

    def interpreter(code: str) -> float:
        return seconds(lambda: subprocess.run([sys.executable, "-c", code], cwd=places.CHECKOUT, check=True))

    interpreter(SDKS), interpreter(PROGRAM)
    return compare(
        "program import / SDK import", lambda: interpreter(PROGRAM), lambda: interpreter(SDKS), goal=1.1, rounds=11
    )
