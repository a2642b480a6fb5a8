"""An `up` that changes nothing against that of a Pulumi Python program with one resource."""

import subprocess
import tempfile
from pathlib import Path

from bench.live import BenchStack
from bench.measure import Ratio, compare, seconds
from bootstrap import places

_PROGRAM = "import pulumi_random\n\npulumi_random.RandomPet('one')\n"


def run(stack: BenchStack) -> Ratio:
    """Measure `pulumi up --skip-preview` on a stack that is up, and on the smallest program, in turn."""
    with tempfile.TemporaryDirectory(prefix="karen-bench-") as directory:
        program = Path(directory)
        (program / "Pulumi.yaml").write_text("name: one-resource\nruntime: python\n")
        (program / "__main__.py").write_text(_PROGRAM)
        environment = {
            **places.pulumi_environment(stack.name, development=True),
            "PULUMI_BACKEND_URL": f"file://{directory}",
        }

        def small(*arguments: str) -> None:
            command = ["pulumi", *arguments, "--stack", "bench", "--non-interactive"]
            subprocess.run(command, cwd=program, env=environment, check=True, capture_output=True)

        small("stack", "init")
        small("up", "--yes", "--skip-preview")
        try:
            return compare(
                "no-op up / one-resource program",
                lambda: seconds(lambda: stack.pulumi("up", "--yes", "--skip-preview", "--expect-no-changes")),
                lambda: seconds(lambda: small("up", "--yes", "--skip-preview")),
                goal=1.5,
                rounds=5,
            )
        finally:
            small("destroy", "--yes", "--skip-preview")
