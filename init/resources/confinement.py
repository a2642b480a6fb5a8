"""What binds every container that is started for a while, by an update or by a command: jobs, shells, recovery servers."""

from collections.abc import Iterable
from contextlib import suppress
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import docker
    from docker.errors import APIError

# More than servers of these sizes use, Redis' 10,000 clients included; an engine cannot give more than it was started with.
OPEN_FILES = 16_384
# Nobody listens there: what is asked for an outside name gets no answer, and goes nowhere (CVE-2024-29018).
NO_RESOLVER = "127.0.0.1"
_PROCESSES = 256
# Of runc; the number is the kernel's for open files.
_OPEN_FILES_REFUSED = "error setting rlimit type 7"
# Half of a processor's weight: servers come first when processors are short.
_SHARES = 512


def confined(*, memory: int) -> dict[str, Any]:
    """Return the arguments for `create_host_config` and `containers.run`; `memory` is bytes, and there is no swap."""
    from docker.types import Ulimit

    return {
        "read_only": True,
        "cap_drop": ["ALL"],
        "security_opt": ["no-new-privileges:true"],
        "mem_limit": memory,
        "memswap_limit": memory,
        "cpu_shares": _SHARES,
        "pids_limit": _PROCESSES,
        "ulimits": [
            Ulimit(name="nofile", soft=OPEN_FILES, hard=OPEN_FILES),
            Ulimit(name="core", soft=0, hard=0),
        ],
    }


def resolver(api: "docker.APIClient", networks: Iterable[str]) -> list[str] | None:
    """Return who a container on these networks asks for names outside: nobody, where all of them lead nowhere."""
    from docker.errors import NotFound

    # One that is not there is told by what starts the container.
    with suppress(NotFound):
        if all(api.inspect_network(name)["Internal"] for name in networks):
            return [NO_RESOLVER]
    return None


def refused(error: "APIError") -> str:
    """Return why the engine did not start a container, with the fix where it was itself started with too few open files."""
    told = str(error.explanation)
    if _OPEN_FILES_REFUSED not in told:
        return told
    fix = f"let the container engine have at least {OPEN_FILES} open files (LimitNOFILE of its service), and start it again"
    return f"{told}. Fix: {fix}"
