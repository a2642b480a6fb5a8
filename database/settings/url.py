"""URLs of engines: read into their parts, percent-decoded; an error never repeats one, for it may hold a password."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, unquote, urlsplit


@dataclass(frozen=True)
class Url:
    """The parts of a URL; None or empty where it does not say."""

    scheme: str
    host: str | None = None
    port: int | None = None
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    path: str = ""
    options: tuple[tuple[str, str], ...] = ()


def parse(text: str, variable: str, schemes: Sequence[str]) -> Url:
    """Return a URL's parts; ValueError says what is wrong with the variable's value, and what is allowed."""
    allowed = ", ".join(f"{scheme}://user:password@host:port" for scheme in schemes)
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        raise ValueError(f"{variable} is no URL with a port from 0 to 65535; allowed: {allowed}") from None
    # An application may name its driver as SQLAlchemy does: postgresql+psycopg.
    scheme = parts.scheme.lower().partition("+")[0]
    if scheme not in schemes:
        raise ValueError(f"{variable} has the scheme {scheme or 'none'!r}; allowed: {allowed}")
    # An @ behind the host belongs to a password that was cut at its /, ? or #.
    if not parts.hostname or "@" in f"{parts.path}{parts.query}{parts.fragment}":
        hint = " (a password's /, ?, # and @ have to be percent-encoded)"
        raise ValueError(f"{variable} names no host{hint}; allowed: {allowed}")
    return Url(
        scheme=scheme,
        host=parts.hostname,
        port=port,
        user=unquote(parts.username) if parts.username else None,
        password=unquote(parts.password) if parts.password else None,
        path=unquote(parts.path.strip("/")),
        options=tuple(parse_qsl(parts.query, keep_blank_values=True)),
    )
