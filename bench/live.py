"""The stack that is measured: development's settings on ports of its own."""

import yaml

from bootstrap import places
from tests.e2e.live import LiveStack

PORTS = {
    "postgresPort": "15432",
    "redisPort": "16379",
    "elasticsearchPort": "19201",
    "minioPort": "19010",
    "minioConsolePort": "19011",
    "milvusPort": "19531",
}
NAME = "bench"


class BenchStack(LiveStack):
    """A stack named `bench`, made for a run and erased after it."""

    def __init__(self) -> None:
        development = yaml.safe_load((places.CHECKOUT / "Pulumi.dev.yaml").read_text())["config"]
        settings = {key.removeprefix(f"{places.PROJECT}:"): str(value) for key, value in development.items()}
        # Its peers initialize nothing: a relay would find nothing there.
        super().__init__(NAME, {**settings, **PORTS, "imageSource": "build", "enableRelay": "false"})
