"""The stack that is measured: development's settings on ports of its own."""

import yaml

from bootstrap import places
from tests.e2e.live import LiveStack

PORTS = {
    "postgresPort": "45432",
    "redisPort": "46379",
    "elasticsearchPort": "49200",
    "minioPort": "49000",
    "minioConsolePort": "49001",
    "milvusPort": "49530",
}
NAME = "bench"


class BenchStack(LiveStack):
    """A stack named `bench`, made for a run and erased after it."""

    def __init__(self) -> None:
        development = yaml.safe_load((places.CHECKOUT / "Pulumi.dev.yaml").read_text())["config"]
        settings = {key.removeprefix(f"{places.PROJECT}:"): str(value) for key, value in development.items()}
        super().__init__(NAME, {**settings, **PORTS, "imageSource": "build"})
