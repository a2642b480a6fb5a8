"""A wire to a server that can be slow or cut: connections stay open, and nothing passes. Its port stays when the server moves."""

import select
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

_CHUNK = 1 << 16


class Wire:
    """Forwards what is sent to a port of its own; `address` says where the server is now, or raises OSError."""

    def __init__(self, address: Callable[[], str], port: int) -> None:
        self._address = address
        self._port = port
        self._known = ""
        # How many there are now.
        self.connections = 0
        self._counting = threading.Lock()
        # Seconds by which whatever the server says comes late.
        self.delay = 0.0
        self._whole = threading.Event()
        self._whole.set()
        self._server = socket.create_server(("127.0.0.1", 0), backlog=200)
        self.port = int(self._server.getsockname()[1])
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self) -> None:
        """Let nothing pass from now on."""
        self._whole.clear()

    def mend(self) -> None:
        """Let everything pass again, what was sent meanwhile too."""
        self._whole.set()

    def close(self) -> None:
        """Take no more connections."""
        self.mend()
        self._server.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                near, _ = self._server.accept()
                threading.Thread(target=self._serve, args=(near,), daemon=True).start()

    def _serve(self, near: socket.socket) -> None:
        with near, self._counted(), suppress(OSError):
            self._whole.wait()
            with self._connected() as far:
                far.settimeout(None)
                self._forward(near, far)

    @contextmanager
    def _counted(self) -> Iterator[None]:
        with self._counting:
            self.connections += 1
        try:
            yield
        finally:
            with self._counting:
                self.connections -= 1

    def _connected(self) -> socket.socket:
        if self._known:
            with suppress(OSError):
                return socket.create_connection((self._known, self._port), timeout=1)
        self._known = self._address()
        return socket.create_connection((self._known, self._port), timeout=1)

    def _forward(self, near: socket.socket, far: socket.socket) -> None:
        other = {near: far, far: near}
        while True:
            for ready in select.select([near, far], [], [])[0]:
                data = ready.recv(_CHUNK)
                if not data:
                    return
                if ready is far:
                    time.sleep(self.delay)
                self._whole.wait()
                other[ready].sendall(data)


@contextmanager
def slow(wire: Wire) -> Iterator[None]:
    """Let a wire be slow within a block, as far as its `delay` is set there, and never after it."""
    try:
        yield
    finally:
        wire.delay = 0.0
