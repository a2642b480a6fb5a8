"""The machine: the engine of containers, memory, disk, kernel settings, clock."""

import os
import shutil
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from bootstrap import places
from components.sizes import MEBIBYTE, show_size
from ops.cli.doctor.model import Check, Finding, Patient

# The first engine whose API has what the provider and the jobs ask for (one-shot statistics: API 1.41).
_OLDEST_API = (1, 41)
# What the monitor's way to the engine may use (components/engine_proxy.py, whose import brings Pulumi's libraries).
PROXY_MEMORY = 64 * MEBIBYTE
_GIBIBYTE = 1024**3
_LEAST_DISK = 5 * _GIBIBYTE
_WARN_DISK_PART = 0.1
# https://www.elastic.co/docs/deploy-manage/deploy/self-managed/vm-max-map-count
_MAP_COUNT = 262_144
_CLOCK_SECONDS = 2.0


def engine(patient: Patient) -> Iterator[Finding]:
    """Whether the engine answers, in a version that is new enough."""
    if patient.client is None:
        yield Finding(
            "engine", "problem", f"the container engine does not answer: {patient.engine_error}", "make bootstrap"
        )
        return
    found = patient.client.version()
    api = tuple(int(part) for part in found["ApiVersion"].split("."))
    told = f"{found['Version']}, API {found['ApiVersion']}"
    if api < _OLDEST_API:
        oldest = ".".join(map(str, _OLDEST_API))
        yield Finding("engine", "problem", f"{told}; at least API {oldest} is needed", "install a newer Docker Engine")
    else:
        yield Finding("engine", "ok", told)


def limits(patient: Patient) -> Iterator[Finding]:
    """Whether the engine can keep a container to its memory and processors."""
    if not patient.info:
        return
    missing = [name for name in ("MemoryLimit", "CpuCfsQuota", "PidsLimit") if patient.info.get(name) is False]
    if missing:
        fix = "enable the memory, cpu and pids controllers of cgroups"
        yield Finding("limits", "problem", f"the kernel does not give the engine {', '.join(missing)}", fix)
    else:
        yield Finding("limits", "ok", f"cgroup version {patient.info.get('CgroupVersion', '?')}")


def memory(patient: Patient) -> Iterator[Finding]:
    """Whether all limits together fit into the machine."""
    if not patient.info or patient.settings is None:
        return
    values = patient.settings
    wanted = values.postgres_memory + values.redis_memory * values.enable_redis
    wanted += values.elasticsearch_memory * values.enable_elasticsearch + values.minio_memory * values.enable_minio
    wanted += (values.milvus_memory + values.etcd_memory) * values.enable_milvus
    wanted += (values.monitoring_memory + PROXY_MEMORY) * values.enable_monitoring
    wanted += values.backup_memory * values.enable_backups + values.relay_memory * values.relayed
    there = int(patient.info["MemTotal"])
    told = f"the servers may use {show_size(wanted)}; the engine has {there / _GIBIBYTE:.1f} GiB"
    if wanted > there:
        yield Finding(
            "memory", "problem", told, f"./karen config --stack {patient.stack}, and lower the …Memory settings"
        )
    else:
        yield Finding("memory", "ok", told)


def processors(patient: Patient) -> Iterator[Finding]:
    """Whether no server asks for more processors than there are: the engine refuses that."""
    if not patient.info or patient.settings is None:
        return
    there = int(patient.info["NCPU"])
    over = [
        name
        for name in type(patient.settings).model_fields
        if name.endswith("_cpus") and getattr(patient.settings, name) > there
    ]
    if over:
        first = over[0].removesuffix("_cpus")
        fix = f"pulumi config set ai-karen-db:{first}Cpus {there} --stack {patient.stack}"
        yield Finding("processors", "problem", f"{', '.join(over)}: more than the engine's {there}", fix)
    else:
        yield Finding("processors", "ok", f"the engine has {there}")


def disk(patient: Patient) -> Iterator[Finding]:
    """Whether there is room where the engine keeps its data, and where this project does."""
    directories = {
        "the engine's data": Path(patient.info.get("DockerRootDir") or "/"),
        "the project's home": places.home(),
    }
    for what, directory in directories.items():
        there = next(one for one in (directory, *directory.parents) if one.exists())
        usage = shutil.disk_usage(there)
        told = f"{what} ({directory}): {usage.free / _GIBIBYTE:.1f} of {usage.total / _GIBIBYTE:.0f} GiB free"
        if usage.free < _LEAST_DISK:
            yield Finding("disk", "problem", told, "free some: docker system df shows what the engine holds")
        elif usage.free < _WARN_DISK_PART * usage.total:
            yield Finding("disk", "warning", told, "free some: docker system df shows what the engine holds")
        else:
            yield Finding("disk", "ok", told)


def map_count(patient: Patient) -> Iterator[Finding]:
    """Whether the kernel allows Elasticsearch's memory maps."""
    if patient.settings is not None and not patient.settings.enable_elasticsearch:
        return
    path = Path("/proc/sys/vm/max_map_count")
    found = int(path.read_text()) if path.exists() else None
    if found is None:
        # As where the engine is in a virtual machine of its own.
        yield Finding("vm.max_map_count", "warning", "this kernel does not tell it", "look at it where the engine runs")
    elif found < _MAP_COUNT:
        fix = f"sudo sysctl -w vm.max_map_count={_MAP_COUNT}"
        yield Finding("vm.max_map_count", "warning", f"{found}; Elasticsearch wants {_MAP_COUNT}", fix)
    else:
        yield Finding("vm.max_map_count", "ok", str(found))


def clock(patient: Patient) -> Iterator[Finding]:
    """Whether the engine's clock is this host's: certificates, backups and logs go by it."""
    if patient.client is None:
        return
    began = time.time()
    told = str(patient.client.info()["SystemTime"])
    middle = (began + time.time()) / 2
    engine_time = datetime.fromisoformat(f"{told[:19]}{told[-6:] if told[-6] in '+-' else '+00:00'}").astimezone(UTC)
    apart = abs(engine_time.timestamp() - middle)
    # The text was cut to whole seconds.
    if apart > _CLOCK_SECONDS + 1:
        yield Finding("clock", "problem", f"the engine's clock is {apart:.0f} s from this host's", "set both by NTP")
    else:
        yield Finding("clock", "ok", "the engine's clock is this host's")


def permission(_: Patient) -> Iterator[Finding]:
    """Whether this user may write where the project keeps its state."""
    home = places.home()
    if home.exists() and not os.access(home, os.W_OK):
        yield Finding("home", "problem", f"{home} is not writable for this user", f"sudo chown -R $USER {home}")
    else:
        yield Finding("home", "ok", str(home))


CHECKS: tuple[Check, ...] = (engine, limits, memory, processors, disk, map_count, clock, permission)
