"""The rules of docker-bench-security's section 5, container runtime, about what `docker inspect` tells of a container.

Each returns what the script would warn of, empty where it passes. Of 5.8, 5.22, 5.23 and 5.27 the script only reminds; here they are rules as well.
The benchmark's newest version begins with whether the engine is in a swarm, and counts the others from 5.2; the numbers are those of before.

Besides what `docker inspect` tells, `Executed` is what it tells of each command that somebody runs in the container, `Reference` the image that it
should have, and `Current` that one's number.
"""

from collections.abc import Callable, Mapping
from typing import Any

Facts = Mapping[str, Any]
# https://github.com/docker/docker-bench-security: these directories of the host, mounted so that they can be written to.
_SENSITIVE = {"/", "/boot", "/dev", "/etc", "/lib", "/proc", "/sys", "/usr"}
# What the engine gives without being asked; more than that is a warning.
_USUAL = {
    "AUDIT_WRITE", "CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "MKNOD", "NET_BIND_SERVICE", "NET_RAW", "SETFCAP",
    "SETGID", "SETPCAP", "SETUID", "SYS_CHROOT",
}  # fmt: skip


def _host(key: str) -> Callable[[Facts], Any]:
    return lambda facts: facts["HostConfig"].get(key)


def _bindings(facts: Facts) -> list[dict[str, str]]:
    return [one for found in (facts["NetworkSettings"].get("Ports") or {}).values() for one in found or ()]


def _capabilities(facts: Facts) -> str:
    added = {str(one).upper().removeprefix("CAP_") for one in facts["HostConfig"].get("CapAdd") or ()}
    return ", ".join(sorted(added - _USUAL))


def _mounts(facts: Facts) -> str:
    return ", ".join(one["Source"] for one in facts["Mounts"] if one["RW"] and one["Source"] in _SENSITIVE)


def _options(facts: Facts) -> list[str]:
    return [str(one) for one in facts["HostConfig"].get("SecurityOpt") or ()]


def _published(facts: Facts) -> list[str]:
    return [one["HostPort"] for one in _bindings(facts)]


def _executed(facts: Facts, key: str) -> list[str]:
    """Return the commands that somebody runs in it now (`docker exec`), with `key` of what `inspect` tells of each."""
    return [" ".join(one["ProcessConfig"].get("arguments") or ()) for one in facts["Executed"] if _asked(one, key)]


def _asked(execution: Facts, key: str) -> bool:
    found = execution["ProcessConfig"].get(key)
    return str(found).split(":")[0] in ("root", "0") if key == "user" else bool(found)


def _profile(facts: Facts) -> str:
    found = facts.get("AppArmorProfile") or "none"
    return found if found in ("none", "unconfined") else ""


RULES: Mapping[str, Callable[[Facts], object]] = {
    "swarm": lambda facts: [one for one in facts["Config"]["Labels"] or () if one.startswith("com.docker.swarm.")],
    "5.1": _profile,
    "5.2": lambda facts: not _options(facts),
    "5.3": _capabilities,
    "5.4": _host("Privileged"),
    "5.5": _mounts,
    "5.7": lambda facts: [one["HostPort"] for one in _bindings(facts) if int(one["HostPort"]) < 1024],
    "5.8": _published,
    "5.9": lambda facts: _host("NetworkMode")(facts) == "host",
    "5.10": lambda facts: not _host("Memory")(facts),
    "5.11": lambda facts: not _host("CpuShares")(facts),
    "5.12": lambda facts: not _host("ReadonlyRootfs")(facts),
    "5.13": lambda facts: [one for one in _bindings(facts) if one["HostIp"] in ("0.0.0.0", "::")],
    "5.14": lambda facts: _host("RestartPolicy")(facts)["MaximumRetryCount"] != 5,
    "5.15": lambda facts: _host("PidMode")(facts) == "host",
    "5.16": lambda facts: _host("IpcMode")(facts) == "host",
    "5.17": _host("Devices"),
    "5.18": lambda facts: not _host("Ulimits")(facts),
    "5.19": lambda facts: [one for one in facts["Mounts"] if "shared" in (one.get("Propagation") or "")],
    "5.20": lambda facts: _host("UTSMode")(facts) == "host",
    "5.21": lambda facts: [one for one in _options(facts) if one.replace(":", "=") == "seccomp=unconfined"],
    "5.22": lambda facts: _executed(facts, "privileged"),
    "5.23": lambda facts: _executed(facts, "user"),
    "5.24": _host("CgroupParent"),
    "5.25": lambda facts: not any("no-new-privileges" in one for one in _options(facts)),
    "5.26": lambda facts: not facts["State"].get("Health"),
    "5.27": lambda facts: facts["Image"] != facts["Current"] or facts["Reference"].endswith(":latest"),
    "5.28": lambda facts: (_host("PidsLimit")(facts) or 0) <= 0,
    "5.29": lambda facts: "bridge" in facts["NetworkSettings"]["Networks"],
    "5.30": lambda facts: _host("UsernsMode")(facts) == "host",
    "5.31": lambda facts: [one["Source"] for one in facts["Mounts"] if "docker.sock" in one["Source"]],
}
