"""The stack that is measured: development's settings on ports of its own."""

from tests.e2e.live import SMALL, LiveStack

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
        super().__init__(NAME, {**PORTS, **SMALL, "imageSource": "build"})
