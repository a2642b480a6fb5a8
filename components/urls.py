"""Connection URLs: every printable character a password can hold is encoded."""

from urllib.parse import quote


def database_url(scheme: str, user: str, password: str, host: str, port: int, path: str) -> str:
    """Return `scheme://user:password@host:port/path` with user, password and path percent-encoded (RFC 3986)."""
    return f"{scheme}://{quote(user, safe='')}:{quote(password, safe='')}@{host}:{port}/{quote(path, safe='')}"
