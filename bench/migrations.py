"""Many small PostgreSQL migrations against `psql -1 -f` of the same statements: what each one's record costs."""

import io
import tempfile
from contextlib import redirect_stderr
from pathlib import Path

from bench.measure import Ratio, compare, seconds
from bench.servers import put
from init.engines.postgres_connection import connect
from init.migrations import Migration, Script, checksum
from init.runner.run import Run
from init.runner.up import up
from tests.contract.containers import Contract
from tests.contract.migrations.case import CREDENTIALS
from tests.contract.servers import PASSWORD

COUNT = 200
_BODY = """
CREATE TABLE measured_{number} (id BIGINT PRIMARY KEY, name TEXT NOT NULL, made_at TIMESTAMPTZ DEFAULT now());
CREATE INDEX ON measured_{number} (name);
"""


def run() -> Ratio:
    """Measure both on an empty schema in turn: the run with connecting, lock and records, psql with its own start."""
    bodies = {f"{number:03}_measured": _BODY.format(number=number) for number in range(1, COUNT + 1)}
    migrations = [
        Migration(name=name, checksum=checksum(body), up=Script(f"{name}.sql", body)) for name, body in bodies.items()
    ]
    with Contract.session("bench-migrations") as contract, tempfile.TemporaryDirectory() as directory:
        server = contract.healthy("postgres")
        connection = {**CREDENTIALS, "host": contract.address("postgres")}
        file = Path(directory) / "measured.sql"
        file.write_text("".join(bodies.values()), encoding="utf-8")
        psql = ["psql", "-h", "127.0.0.1", "-U", str(CREDENTIALS["user"]), "-qX1f", put(server, file)]

        def emptied() -> None:
            with connect(connection) as opened:
                opened.execute("SET client_min_messages = error")
                opened.execute("DROP SCHEMA public CASCADE")
                opened.execute("CREATE SCHEMA public")
                opened.execute("CHECKPOINT")

        def migrate() -> None:
            with redirect_stderr(io.StringIO()), Run.connected("postgres", connection, connection, migrations) as one:
                assert len(up(one)) == COUNT

        def pipe() -> None:
            done = server.exec_run(psql, environment={"PGPASSWORD": PASSWORD})
            assert done.exit_code == 0, done.output

        def ours() -> float:
            emptied()
            return seconds(migrate)

        def theirs() -> float:
            emptied()
            return seconds(pipe)

        ours(), theirs()
        return compare(f"{COUNT} migrations / psql -1 -f", ours, theirs, goal=2.0, rounds=7)
