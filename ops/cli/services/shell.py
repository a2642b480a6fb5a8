"""`shell`: an engine's own client with its credentials, none of which is on a command line or in an environment of this host."""

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

from components.naming import STACK_LABEL
from init.resources.job import JOB_LABEL
from init.shell import REQUEST
from ops.cli.errors import DONE, REFUSED, NotAsked
from ops.cli.printer import Printer
from ops.cli.recorded import Recorded
from ops.cli.services.containers import servers
from ops.cli.services.jobs import described
from ops.engine_errors import engine_errors, told

# The authority's certificate, where connections are encrypted.
_CA = "/run/secrets/ca.crt"
# In the server's own container, where its password is a file.
_INSIDE = {
    "postgres": f"[ ! -e {_CA} ] || export PGSSLMODE=verify-full PGSSLROOTCERT={_CA}; "
    'PGPASSWORD="$(cat /run/secrets/postgres_password)" exec psql -h 127.0.0.1 -U "$POSTGRES_USER" -d "$POSTGRES_DB"',
    "redis": f"[ ! -e {_CA} ] || set -- --tls --cacert {_CA}; "
    'REDISCLI_AUTH="$(cat /run/secrets/redis_password)" exec redis-cli "$@"',
}
_OUTSIDE = ("duckdb", "elasticsearch", "milvus", "minio")
_WRITE = f"import os,sys; os.umask(0o077); open({str(REQUEST)!r}, 'w').write(sys.stdin.read())"
_LONGEST_SECONDS = 24 * 3600


def shell(printer: Printer, service: str) -> int:
    """Open the client, and end as it ends; without a terminal it reads what is piped in."""
    allowed = (*_INSIDE, *_OUTSIDE)
    if service not in allowed:
        raise NotAsked(f"{service!r} has no shell; allowed: {', '.join(allowed)}")
    docker = shutil.which("docker")
    if docker is None:
        raise NotAsked("The docker command is not on PATH. Fix: install the Docker CLI")
    Recorded.read(printer.stack)
    attached = [docker, "exec", "-it" if sys.stdin.isatty() else "-i"]
    if service in _INSIDE:
        with servers(printer.stack) as stack:
            (name,) = stack.chosen([service])
            if not stack.found[name].running:
                raise NotAsked(f"{service} does not run. Fix: ./karen start {service} --stack {printer.stack}")
            container = stack.found[name].name
        return _ended(subprocess.run([*attached, container, "sh", "-c", _INSIDE[service]], check=False).returncode)
    with _toolbox(docker, printer.stack, service) as container:
        command = ["python", "-q", "-m", "init.shell"]
        return _ended(subprocess.run([*attached, container, *command], check=False).returncode)


def _ended(code: int) -> int:
    return DONE if code == 0 else REFUSED


@contextmanager
def _toolbox(docker: str, stack: str, engine: str) -> Iterator[str]:
    """Provide a container that waits inside the stack's network, with the connection in a file that it alone can read."""
    import docker as sdk
    from docker.errors import APIError
    from docker.types import LogConfig

    from init.resources.confinement import confined, resolver
    from init.resources.job import MEMORY

    job = _job(stack, engine)
    try:
        client = sdk.from_env()
        container = client.containers.run(
            job["image"], [str(_LONGEST_SECONDS)], entrypoint="sleep", user=job["user"], network=job["network"],
            volumes=[f"{volume}:{path}" for path, volume in job["volumes"].items()], detach=True, auto_remove=True,
            labels={STACK_LABEL: stack, JOB_LABEL: "shell-outside"}, init=True, log_config=LogConfig(type=LogConfig.types.NONE),
            tmpfs={"/tmp": "size=64m"}, dns=resolver(client.api, [job["network"]]),  # noqa: S108 - inside the container
            **confined(memory=MEMORY),
        )  # fmt: skip
    except engine_errors() as error:
        fix = f"Fix: ./karen doctor --stack {stack}"
        raise NotAsked(f"The container engine did not start a shell: {told(error)}. {fix}") from None
    try:
        request = json.dumps({"engine": engine, "connection": job["engines"][engine]})
        writing = [docker, "exec", "-i", str(container.id), "python", "-c", _WRITE]
        written = subprocess.run(writing, input=request, text=True, stderr=subprocess.PIPE, check=False)
        if written.returncode:
            raise NotAsked(
                f"The docker command did not reach the shell's container: {' '.join(written.stderr.split())}."
                " Fix: set DOCKER_HOST to the engine that the stack is on; docker context ls shows what the command uses"
            )
        yield str(container.id)
    finally:
        with suppress(APIError):
            container.remove(force=True)
        client.close()


def _job(stack: str, engine: str) -> Mapping[str, Any]:
    """Return how the stack's engines are reached."""
    job = described(stack)
    if engine not in job["engines"]:
        raise NotAsked(f"The stack {stack} has no {engine}; it has {', '.join(job['engines'])}")
    return job
