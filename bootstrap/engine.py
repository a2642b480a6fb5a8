"""The container engine: an existing one is used as it is; on Debian one is installed and started; else we say what to install."""

import os
import shutil
import socket
import subprocess
import time
from pathlib import Path

from bootstrap.console import StepError, run, say

_STEP = "container engine"
_SOCKET = Path("/var/run/docker.sock")
# One that was killed first ends the containers that it finds running, each in the time that it may take.
_START_SECONDS = 180
_SAY_EVERY_SECONDS = 15


def ensure() -> None:
    """Return when an engine answers; StepError with what to do if none can be had."""
    if os.environ.get("DOCKER_HOST"):
        say(_STEP, f"the one at DOCKER_HOST={os.environ['DOCKER_HOST']} is used")
        return
    if _answers():
        say(_STEP, "running already; used as it is")
        return
    _require_access()
    if shutil.which("dockerd", path=_system_path()) is None:
        _install()
    if not _answers():
        _start()


def _require_access() -> None:
    """Raise StepError when the engine's socket is there, but not for this user."""
    if _SOCKET.exists() and not os.access(_SOCKET, os.W_OK):
        raise StepError(
            f"{_STEP}: {_SOCKET} is there, but this user may not use it. Fix: sudo usermod -aG docker $USER, then log in again"
        )


def privileged(command: list[str]) -> list[str]:
    """Return the command as root runs it: itself, or through sudo; StepError where neither is possible."""
    if os.geteuid() == 0:
        return command
    if shutil.which("sudo"):
        return ["sudo", *command]
    raise StepError(f"`{' '.join(command)}` needs root, and there is no sudo. Fix: run it as root, then make up again")


def _system_path() -> str:
    return os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/sbin"])


def _answers() -> bool:
    """Whether something answers on the engine's socket; a bare connection takes a millisecond."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(2)
        try:
            connection.connect(str(_SOCKET))
            connection.sendall(b"GET /_ping HTTP/1.0\r\n\r\n")
            return b"200" in connection.recv(64)
        except OSError:
            return False


def apt_install(step: str, packages: list[str], *, why: str) -> None:
    """Install Debian packages without their recommendations."""
    if shutil.which("apt-get") is None:
        raise StepError(
            f"{step}: this is not Debian or a relative of it. Fix: install {', '.join(packages)} by your system's means, then make up again"
        )
    quiet = {"DEBIAN_FRONTEND": "noninteractive"}
    fix = "check the package sources in /etc/apt and the network, then make up again"
    run(step, privileged(["apt-get", "update", "-q"]), why="package lists are fetched", fix=fix, environment=quiet)
    install = ["apt-get", "install", "-y", "-q", "--no-install-recommends", *packages]
    run(step, privileged(install), why=why, fix=fix, environment=quiet)


def _install() -> None:
    if shutil.which("apt-get") is None:
        raise StepError(
            f"{_STEP}: none was found. Fix: install Docker Engine (https://docs.docker.com/engine/install/), start it, then make up again"
        )
    apt_install(_STEP, ["docker.io", "iptables"], why="none was found: Debian's docker.io is installed")


def _start() -> None:
    """Start the engine by the init system, or on its own where there is none."""
    log = Path("/var/log/dockerd.log")
    if Path("/run/systemd/system").is_dir():
        run(
            _STEP,
            privileged(["systemctl", "start", "docker"]),
            why="installed, but not running: started",
            fix="systemctl status docker",
        )
    elif os.geteuid() == 0:
        say(_STEP, f"installed, but not running, and no init system runs: dockerd is started, its log is {log}")
        with log.open("ab") as output:
            subprocess.Popen(
                ["dockerd"],
                stdout=output,
                stderr=output,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
                env={**os.environ, "PATH": _system_path()},
            )
    else:
        run(
            _STEP,
            privileged(["service", "docker", "start"]),
            why="installed, but not running: started",
            fix="sudo service docker start",
        )
    _wait(log)


def _wait(log: Path) -> None:
    """Return when the engine answers; StepError with its log's last lines if it does not."""
    began = told = time.monotonic()
    while not _answers():
        _require_access()
        now = time.monotonic()
        if now - told > _SAY_EVERY_SECONDS:
            say(_STEP, f"does not answer yet, {now - began:.0f} s after its start")
            told = now
        if now - began > _START_SECONDS:
            tail = log.read_text(errors="replace").splitlines()[-20:] if log.exists() else []
            raise StepError(
                f"{_STEP}: it did not answer within {_START_SECONDS} s. Its last lines:\n"
                + "\n".join(tail)
                + f"\nFix: read {log}, or journalctl -u docker"
            )
        time.sleep(0.2)
