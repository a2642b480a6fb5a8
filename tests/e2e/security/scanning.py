"""Looking for open ports, on addresses of this host alone."""

import asyncio
import socket
from collections.abc import Iterable

# Above these are those that connections are given.
LISTENING = range(1, 32768)
_AT_ONCE = 512
_SECONDS = 1.0


def open_ports(address: str = "127.0.0.1", ports: Iterable[int] = LISTENING) -> set[int]:
    """Return the TCP ports at which something of this host takes connections."""
    return asyncio.run(_scanned(address, ports))


def addresses() -> list[str]:
    """Return this host's own IPv4 addresses, besides those that every host has."""
    name = socket.gethostname()
    try:
        found = {str(one[4][0]) for one in socket.getaddrinfo(name, None, socket.AF_INET)}
    except OSError:
        found = set()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagram:
        # A datagram's socket is connected without anything being sent.
        datagram.connect(("192.0.2.1", 9))
        found.add(str(datagram.getsockname()[0]))
    # A container's own is not this host's.
    return sorted(one for one in found if not one.startswith("127."))


async def _scanned(address: str, ports: Iterable[int]) -> set[int]:
    room = asyncio.Semaphore(_AT_ONCE)

    async def one(port: int) -> int | None:
        async with room:
            try:
                _, writer = await asyncio.wait_for(asyncio.open_connection(address, port), _SECONDS)
            except (OSError, TimeoutError):
                return None
            writer.close()
            return port

    found = await asyncio.gather(*(one(port) for port in ports))
    return {port for port in found if port is not None}
