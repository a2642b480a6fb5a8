"""How a connection to an engine is secured: where it has the certificate of an authority, it is encrypted, and its server verified.

`ca_certificate` is that certificate (PEM); without one, nothing is encrypted. What each client library wants to be told is here
and nowhere else.
"""

import os
import ssl
from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import grpc

KEY = "ca_certificate"
# Of OpenSSL, and of libpq where the name is another.
_NOT_ACCEPTED = ("certificate verify failed", "does not match host name")
Connection = Mapping[str, Any]


def context(connection: Connection) -> ssl.SSLContext | None:
    """Return what verifies the server's certificate and name; None for a connection that is not encrypted."""
    text = connection.get(KEY)
    return _context(str(text)) if text else None


def libpq(connection: Connection) -> dict[str, Any]:
    """Return libpq's parameters."""
    text = connection.get(KEY)
    return {"sslmode": "verify-full", "sslrootcert": file(str(text))} if text else {"sslmode": "disable"}


def redis(connection: Connection) -> dict[str, Any]:
    """Return the arguments of redis-py's client."""
    text = connection.get(KEY)
    return {"ssl": True, "ssl_ca_data": str(text), "ssl_check_hostname": True} if text else {}


def elasticsearch(connection: Connection) -> dict[str, Any]:
    """Return the arguments of Elasticsearch's client."""
    found = context(connection)
    return {"ssl_context": found} if found else {}


def urllib3(connection: Connection) -> dict[str, Any]:
    """Return the arguments of a pool of connections."""
    found = context(connection)
    return {"ssl_context": found} if found else {}


def milvus(connection: Connection) -> dict[str, Any]:
    """Return the address and what else pymilvus' client is told."""
    address, text = f"{connection['host']}:{connection['port']}", connection.get(KEY)
    if not text:
        return {"uri": f"http://{address}"}
    return {"uri": f"https://{address}", "server_pem_path": file(str(text))}


def channel(connection: Connection, options: list[tuple[str, Any]] | None = None) -> "grpc.Channel":
    """Open a channel to Milvus for requests of its own protocol."""
    import grpc

    address, text = f"{connection['host']}:{connection['port']}", connection.get(KEY)
    if not text:
        return grpc.insecure_channel(address, options=options)
    credentials = grpc.ssl_channel_credentials(root_certificates=str(text).encode())
    return grpc.secure_channel(address, credentials, options=options)


def fix(error: BaseException) -> str:
    """Return what to do about a certificate that was not accepted; empty for any other error."""
    told = f"{error} {getattr(error, 'message', '')}".lower()
    return "./karen certificates renew" if any(sign in told for sign in _NOT_ACCEPTED) else ""


@cache
def file(text: str) -> str:
    """Return the path of a file with this text, in memory, which this process alone finds; for libraries that take no text."""
    descriptor = os.memfd_create("ca.crt")
    with os.fdopen(os.dup(descriptor), "wb") as stream:
        stream.write(text.encode())
    return f"/proc/self/fd/{descriptor}"


@cache
def _context(text: str) -> ssl.SSLContext:
    made = ssl.create_default_context(cadata=text)
    made.minimum_version = ssl.TLSVersion.TLSv1_2
    return made
