"""An application's variables with passwords that Pulumi has not recorded yet. Pure."""

import re
from collections.abc import Mapping
from urllib.parse import quote

_VARIABLES = {
    "postgres-application": ("POSTGRES_PASSWORD", "DATABASE_URL"),
    "postgres-reader": ("POSTGRES_READER_PASSWORD",),
    "redis-application": ("REDIS_PASSWORD", "REDIS_URL"),
    "redis-reader": ("REDIS_READER_PASSWORD",),
    "elasticsearch-application": ("ELASTICSEARCH_PASSWORD",),
    "elasticsearch-reader": ("ELASTICSEARCH_READER_PASSWORD",),
    "milvus-application": ("MILVUS_PASSWORD",),
    "minio-application": ("MINIO_SECRET_KEY",),
}
_USER_INFORMATION = re.compile(r"^(\w+://[^:@/]*):[^@]*@")


def replaced(variables: Mapping[str, str], passwords: Mapping[str, str]) -> dict[str, str]:
    """Return the variables with other passwords, by the accounts' names; in URLs as well."""
    found = dict(variables)
    for name, password in passwords.items():
        for variable in _VARIABLES.get(name, ()):
            found[variable] = _with(found[variable], password) if variable.endswith("_URL") else password
    return found


def _with(url: str, password: str) -> str:
    match = _USER_INFORMATION.match(url)
    assert match is not None
    return f"{match[1]}:{quote(password, safe='')}@{url[match.end() :]}"
