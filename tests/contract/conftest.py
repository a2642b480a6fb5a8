"""Servers that all modules share which do not stop them; every test begins by emptying what it uses."""

from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from init.engines.postgres_connection import connect
from tests.contract.containers import Contract
from tests.contract.migrations.case import CREDENTIALS
from tests.contract.milvus_server import Server, Trial, environment, started
from tests.contract.servers import STAGING


@pytest.fixture(scope="package")
def staging() -> Iterator[Path]:
    """A directory in place of the volume in which Elasticsearch writes snapshots, and jobs read them."""
    with TemporaryDirectory() as directory:
        staging = Path(directory)
        staging.chmod(0o755)
        for below in ("sets", "restores"):
            (staging / below).mkdir()
        (staging / "sets").chmod(0o777)
        yield staging


@pytest.fixture(scope="package")
def servers(staging: Path) -> Iterator[Contract]:
    with Contract.session("shared") as contract:
        contract.start("elasticsearch", mounted={STAGING: staging})
        contract.start("milvus", environment=environment())
        address = contract.address("postgres")
        with connect({**CREDENTIALS, "host": address}) as connection:
            # What is killed here are processes, never the machine: no test has to wait for the disk.
            connection.execute("ALTER SYSTEM SET fsync = off")
            connection.execute("SELECT pg_reload_conf()")
        yield contract


@pytest.fixture(scope="package")
def open_milvus() -> Iterator[Server]:
    """Milvus without authorization, for changes that its contents are compared after."""
    with started("open-milvus", authorization=False) as server:
        yield server


@pytest.fixture(scope="module")
def trials(request: pytest.FixtureRequest, server: Server) -> Iterator[Mapping[Trial, Future[None]]]:
    """A module's trials, as far as they were selected: they wait for the server most of their time, all at the same time."""
    given = [getattr(item, "callspec", None) for item in request.session.items if item.path == request.path]
    selected: list[Trial] = [one.params["trial"] for one in given if one and "trial" in one.params]

    def run(trial: Trial) -> None:
        mine = server.apart()
        try:
            trial(mine)
        finally:
            mine.close()

    with ThreadPoolExecutor(max_workers=len(selected)) as pool:
        yield {trial: pool.submit(run, trial) for trial in selected}
