"""Every client library as it is told to verify: it ends the connection to a server whose certificate is not right, before it logs in."""

import base64
import os
import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from backup.engines.redis_stream import Replica
from init import transport
from init.engines import base, load
from init.protocol import Failure
from init.resources import x509

SEED = base64.b64encode(os.urandom(32)).decode()
HERE = ["localhost", "127.0.0.1"]
# How each server is named, and what else a connection has.
CONNECTIONS: dict[str, Callable[[int], dict[str, Any]]] = {
    "postgres": lambda port: {"host": "127.0.0.1", "port": port, "user": "u", "password": "p", "database": "d"},
    "redis": lambda port: {"host": "127.0.0.1", "port": port, "username": "u", "password": "p"},
    "elasticsearch": lambda port: {"url": f"https://127.0.0.1:{port}", "user": "u", "password": "p"},
    "minio": lambda port: {"endpoint": f"https://127.0.0.1:{port}", "access_key": "u", "secret_key": "password"},
    "milvus": lambda port: {"host": "localhost", "port": port, "authorization": True, "user": "u", "password": "p"},
    "etcd": lambda port: {"host": "127.0.0.1", "port": port},
}


class Listener(threading.Thread):
    """Something that listens with a certificate, and hangs up as soon as it is told anything: `accepted` counts that."""

    def __init__(self, certificate: str, directory: Path, *, asked: bool) -> None:
        """With `asked`, it is PostgreSQL's: a client asks for TLS first."""
        super().__init__(daemon=True)
        for name, text in (("crt", certificate), ("key", x509.private_key(SEED, certificate))):
            (directory / name).write_text(text)
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(directory / "crt", directory / "key")
        self._context.set_alpn_protocols(["h2", "http/1.1"])
        self._asked, self.accepted = asked, 0
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]

    def run(self) -> None:
        with suppress(OSError):
            while True:
                opened, _ = self._socket.accept()
                with suppress(OSError), opened:
                    opened.settimeout(5)
                    if self._asked:
                        opened.recv(8)
                        opened.sendall(b"S")
                    with self._context.wrap_socket(opened, server_side=True) as secured:
                        self.accepted += bool(secured.recv(1))

    def close(self) -> None:
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()


@contextmanager
def listening(certificate: str, directory: Path, *, asked: bool) -> Iterator[Listener]:
    listener = Listener(certificate, directory, asked=asked)
    listener.start()
    try:
        yield listener
    finally:
        listener.close()


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(base, "_patience", 0.1)


@pytest.fixture(scope="module")
def authority() -> str:
    return x509.authority(SEED, "dev", days=10)


CERTIFICATES: dict[str, Callable[[], str]] = {
    "right": lambda: x509.certificate(SEED, "dev", HERE, days=10),
    "expired": lambda: x509.certificate(SEED, "dev", HERE, days=-0.01),
    "of another server": lambda: x509.certificate(SEED, "dev", ["other"], days=10),
}


@pytest.mark.parametrize("engine", CONNECTIONS)
@pytest.mark.parametrize("which", [*CERTIFICATES, "of another authority"])
def test_only_the_right_server_is_talked_to(engine: str, which: str, authority: str, tmp_path: Path) -> None:
    if which == "of another authority":
        authority = x509.authority(base64.b64encode(os.urandom(32)).decode(), "dev", days=10)
    certificate = CERTIFICATES.get(which, CERTIFICATES["right"])()
    with listening(certificate, tmp_path, asked=engine == "postgres") as listener:
        connection = {**CONNECTIONS[engine](listener.port), transport.KEY: authority}
        driver: Any = load(engine)
        with pytest.raises(Failure) as failure:
            driver.connect(connection)
        assert (listener.accepted > 0) == (which == "right"), str(failure.value)
        # The library of Milvus' protocol does not tell why.
        if which != "right" and engine != "milvus":
            assert failure.value.fix == "./karen certificates renew", failure.value.message


def test_a_replica_of_redis_verifies_as_well(authority: str, tmp_path: Path) -> None:
    for which, made in CERTIFICATES.items():
        with listening(made(), tmp_path, asked=False) as listener:
            connection = {**CONNECTIONS["redis"](listener.port), transport.KEY: authority}
            with pytest.raises(Failure):
                Replica(connection)
            assert (listener.accepted > 0) == (which == "right")


def test_without_an_authority_nothing_is_encrypted() -> None:
    connection: Mapping[str, Any] = {"host": "milvus", "port": 19530}
    assert transport.context(connection) is None
    assert transport.milvus(connection) == {"uri": "http://milvus:19530"}
    assert transport.libpq(connection) == {"sslmode": "disable"}
    for told in (transport.redis, transport.elasticsearch, transport.urllib3):
        assert told(connection) == {}


def test_a_file_for_libraries_that_take_no_text_is_in_no_directory(authority: str) -> None:
    path = transport.file(authority)
    assert path.startswith("/proc/self/fd/")
    assert Path(path).read_text() == Path(path).read_text() == authority
    assert transport.file(authority) == path
