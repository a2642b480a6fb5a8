"""Connection URLs: every printable character a password can hold is encoded."""

from collections.abc import Mapping
from urllib.parse import quote, urlencode


def database_url(
    scheme: str, user: str, password: str, host: str, port: int, path: str, parameters: Mapping[str, str] | None = None
) -> str:
    """Return `scheme://user:password@host:port/path` with user, password and path percent-encoded (RFC 3986), and perhaps `?parameters`."""
    address = f"{scheme}://{quote(user, safe='')}:{quote(password, safe='')}@{host}:{port}/{quote(path, safe='')}"
    return f"{address}?{urlencode(parameters, safe='/', quote_via=quote)}" if parameters else address
