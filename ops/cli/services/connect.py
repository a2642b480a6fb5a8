"""`connect`: how an application reaches a service, in the form that it wants. What it prints holds passwords."""

import shlex
from collections.abc import Callable, Mapping
from urllib.parse import quote

from components.naming import Naming
from ops.cli.errors import DONE, NotAsked
from ops.cli.printer import Printer
from ops.cli.recorded import Recorded
from ops.cli.telling import told_outputs, untold
from ops.environment_file import render

FORMS = ("host", "network")
Variables = Mapping[str, str]
# Which variables are a service's: those that begin so.
_PREFIXES = {
    "postgres": ("POSTGRES_", "DATABASE_URL", "PGSSL"),
    "redis": ("REDIS_",),
    "elasticsearch": ("ELASTICSEARCH_",),
    "milvus": ("MILVUS_",),
    "minio": ("MINIO_",),
    "duckdb": ("DUCKDB_",),
}
# With what the authority's certificate is verified; None where connections are not encrypted.
_AUTHORITY = "KAREN_CA_CERTIFICATE"
PYTHON = {
    "postgres": 'import psycopg\npsycopg.connect(os.environ["DATABASE_URL"])',
    "redis": 'import redis\nredis.Redis.from_url(os.environ["REDIS_URL"])',
    "elasticsearch": "from elasticsearch import Elasticsearch\n"
    "Elasticsearch(f\"{os.environ['ELASTICSEARCH_SCHEME']}://{os.environ['ELASTICSEARCH_HOST']}:{os.environ['ELASTICSEARCH_PORT']}\",\n"
    f'    ca_certs=os.environ.get("{_AUTHORITY}"),\n'
    '    basic_auth=(os.environ["ELASTICSEARCH_USER"], os.environ["ELASTICSEARCH_PASSWORD"]))',
    "milvus": "from pymilvus import MilvusClient\n"
    "MilvusClient(uri=f\"http://{os.environ['MILVUS_HOST']}:{os.environ['MILVUS_PORT']}\",\n"
    f'    secure=os.environ["MILVUS_SECURE"] == "true", server_pem_path=os.environ.get("{_AUTHORITY}", ""),\n'
    '    user=os.environ["MILVUS_USER"], password=os.environ["MILVUS_PASSWORD"])',
    # MinIO that starts or stops may say `Retry-After: 60`, which urllib3 obeys although it is there in seconds.
    "minio": "import urllib3\nfrom minio import Minio\n"
    "retries = urllib3.Retry(5, backoff_factor=0.2, status_forcelist=[503], respect_retry_after_header=False)\n"
    "Minio(f\"{os.environ['MINIO_HOST']}:{os.environ['MINIO_PORT']}\", secure=os.environ['MINIO_SECURE'] == 'true',\n"
    f'    http_client=urllib3.PoolManager(retries=retries, ca_certs=os.environ.get("{_AUTHORITY}")),\n'
    '    access_key=os.environ["MINIO_ACCESS_KEY"], secret_key=os.environ["MINIO_SECRET_KEY"])',
    "duckdb": 'import duckdb\nduckdb.connect(os.environ["DUCKDB_PATH"])',
}


def connect(printer: Printer, service: str | None, form: str, place: str) -> int:
    """Print how to connect to a service, or to all, from this host or from a container on the stack's network."""
    if form not in RENDERED:
        raise NotAsked(f"--format is {form!r}; allowed: {', '.join(RENDERED)}")
    if place not in FORMS:
        raise NotAsked(f"--from is {place!r}; allowed: {', '.join(FORMS)}")
    variables = _variables(printer.stack, place)
    found = {name: of(name, variables) for name in _PREFIXES if of(name, variables)}
    if service is not None and service not in found:
        raise NotAsked(f"The stack {printer.stack} has no {service!r}; it has {', '.join(found)}")
    chosen = {name: one for name, one in found.items() if service in (None, name)}
    text = RENDERED[form](printer.stack, place, chosen)
    if printer.as_json:
        printer.end("", {"from": place, "services": {name: dict(one) for name, one in chosen.items()}, "text": text})
    else:
        print(text, flush=True)
    return DONE


def of(service: str, variables: Variables) -> Variables:
    """Return a service's variables."""
    found = {key: value for key, value in variables.items() if key.startswith(_PREFIXES[service])}
    verified = {_AUTHORITY: variables[_AUTHORITY]} if _AUTHORITY in variables and service != "duckdb" else {}
    return {**found, **verified} if found else {}


def url(service: str, variables: Variables) -> str:
    """Return a service's URL with its credentials; a path is DuckDB's."""
    given = {"postgres": "DATABASE_URL", "redis": "REDIS_URL", "duckdb": "DUCKDB_PATH"}
    if service in given:
        return variables[given[service]]
    prefix = service.upper()
    user, password = ("ACCESS_KEY", "SECRET_KEY") if service == "minio" else ("USER", "PASSWORD")
    name, secret = variables[f"{prefix}_{user}"], variables[f"{prefix}_{password}"]
    credentials = f"{quote(name, safe='')}:{quote(secret, safe='')}@" if name else ""
    secured = variables.get(_AUTHORITY) is not None
    return (
        f"{'https' if secured else 'http'}://{credentials}{variables[f'{prefix}_HOST']}:{variables[f'{prefix}_PORT']}"
    )


def _variables(stack: str, place: str) -> Variables:
    # It says it better than Pulumi when the stack is not up.
    Recorded.read(stack)
    try:
        variables: Variables = told_outputs(stack)["env"][place]
    except KeyError as error:
        raise untold(stack, error) from None
    if told := variables.get("KAREN_NOT_PUBLISHED"):
        raise NotAsked(f"{told} Fix: ./karen connect --from network --stack {stack}")
    return variables


def _env(_stack: str, _place: str, chosen: Mapping[str, Variables]) -> str:
    return render({key: value for one in chosen.values() for key, value in one.items()}).rstrip("\n")


def _urls(_stack: str, _place: str, chosen: Mapping[str, Variables]) -> str:
    return "\n".join(url(name, one) for name, one in chosen.items())


def _python(stack: str, place: str, chosen: Mapping[str, Variables]) -> str:
    first = f"# with the variables of: ./karen connect --format env --from {place} --stack {stack}\nimport os"
    return "\n\n".join([first, *(PYTHON[name] for name in chosen)])


def _docker(stack: str, place: str, chosen: Mapping[str, Variables]) -> str:
    """Return a command that gives a container the variables that the shell has, for an argument is seen by everybody."""
    one = f" {next(iter(chosen))}" if len(chosen) == 1 else ""
    env = f'set -a; eval "$(./karen connect{one} --format env --from {place} --stack {stack})"; set +a'
    network = "host" if place == "host" else Naming(stack=stack).network
    keys = dict.fromkeys(key for variables in chosen.values() for key in sorted(variables))
    arguments = [f"-e {key}" for key in keys]
    for file in {variables[_AUTHORITY] for variables in chosen.values() if _AUTHORITY in variables}:
        volume = Naming(stack=stack).volume("authority", "certificates")
        mount = f"{file}:{file}" if place == "host" else f"{volume}:{file.rpartition('/')[0]}"
        arguments.append(f"-v {shlex.quote(f'{mount}:ro')}")
    if "duckdb" in chosen:
        directory = chosen["duckdb"]["DUCKDB_PATH"].rpartition("/")[0]
        source = directory if place == "host" else Naming(stack=stack).volume("duckdb")
        arguments.append(f"-v {shlex.quote(f'{source}:{directory}')}")
    return f"# first, for these variables: {env}\ndocker run --rm -it --network {network} {' '.join(arguments)} IMAGE"


RENDERED: Mapping[str, Callable[[str, str, Mapping[str, Variables]], str]] = {
    "env": _env,
    "url": _urls,
    "python": _python,
    "docker": _docker,
}
